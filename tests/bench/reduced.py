# SPDX-License-Identifier: MIT
"""The module with one thing taken away, to see what that one costs.

A reduced module is never used but for a measurement beside the module as it is. It has the
same name, so guests have one of them loaded at a time; plan.exchange() has the lines.
"""

from kernel import CHECKOUT, PrepareError, build_module

# name: file -> (text, what stands for it)...
REDUCED = {
    # A success asks the key no more.
    "key": {"kmod/complete.c": (("!is_plainly_good(dev->vk)", "false"),)},
    # A bio asks the device's state no more, neither when it comes in nor in its sections.
    "state": {"kmod/map.c": (("!envelope_lifecycle_is_live(&dev->lifecycle)", "false"),),
              "kmod/section.h": (("likely(envelope_lifecycle_is_live(lc))", "true"),)},
    # What a kill waits for: nothing.
    "section": {"kmod/section.h": (("\tpreempt_disable();\n\t__this_cpu_inc(envelope_sections.open);\n", ""),
                                   ("\tif (unlikely(__this_cpu_read(envelope_sections.awaited)))\n"
                                    "\t\tenvelope_section_left();\n\tpreempt_enable();\n", ""),
                                   ("\t__this_cpu_dec(envelope_sections.open);\n", ""))},
    # Not a reduction: each write counts its pages in one place, which all CPUs write (shared.py).
    "counted": {"kmod/pages.c": (("\ttaken = take_cached(bvecs, nr);",
                                  "\tatomic_long_add(nr, &nr_owned);\n\tatomic_long_sub(nr, &nr_owned);\n"
                                  "\ttaken = take_cached(bvecs, nr);"),)},
    # Likewise: each write takes a lock that all CPUs take (locks.py).
    "locked": {"kmod/pages.c": (("static atomic_long_t nr_owned;", "static atomic_long_t nr_owned;\nstatic DEFINE_SPINLOCK(all_writes);"),
                                ("\ttaken = take_cached(bvecs, nr);",
                                 "\tspin_lock(&all_writes);\n\ttaken = take_cached(bvecs, nr);\n\tspin_unlock(&all_writes);"))},
    # Large writes have single pages.
    "single": {"kmod/bounce.c": (("return ENVELOPE_RUN_ORDER && nr >= 2 * ENVELOPE_RUN_PAGES;", "return false;"),)},
    # Large bios are not offered to other CPUs.
    "helpers": {"kmod/parallel.c": (("\toffer(p);\n\twhile", "\twhile"),)},
}


def build(target, name):
    """A reduced module for one kernel; its path."""
    made = {}
    for file, changes in REDUCED[name].items():
        text = (CHECKOUT / file).read_text(encoding="utf-8")
        for old, new in changes:
            if old not in text:
                raise PrepareError(f"{file} has no {old!r} that could be taken away: see tests/bench/reduced.py")
            text = text.replace(old, new)
        made[file] = text.encode()
    return build_module(target, made)
