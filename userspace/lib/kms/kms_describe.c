// SPDX-License-Identifier: MIT
/* See kms_describe.h. */
#include "lib/kms/kms_describe.h"

#include <systemd/sd-event.h>

#include "lib/base/json.h"
#include "lib/kms/worker.h"

struct question {
	sd_event *event;
	struct kms_description *answer;
};

static void on_answer(struct kms_worker *worker, enum kms_outcome outcome, const struct fault *f,
		      struct json_object *response, struct secret *plaintext, void *userdata)
{
	struct json_object *key = json_get_object(response, "KeyMetadata");
	struct question *question = userdata;

	question->answer->outcome = outcome;
	question->answer->f = *f;
	json_copy_string(key, "KeyState", question->answer->state, sizeof(question->answer->state));
	sd_event_exit(question->event, 0);
}

/**
 * kms_describe() - ask the KMS about a key, and wait for the answer
 * @cfg: with one endpoint; its kms_timeout_seconds bounds the wait
 * @key: id, ARN or alias
 * @answer: filled
 */
void kms_describe(const struct config *cfg, const char *key, struct kms_description *answer)
{
	_cleanup_json_ struct json_object *request = json_object_new_object();
	struct question question = { .answer = answer };

	*answer = (struct kms_description){ .outcome = KMS_UNREACHABLE };
	json_add_string(request, "KeyId", key);
	if (sd_event_new(&question.event) < 0)
		fault_set(&answer->f, "InternalFailure", "An event loop cannot be made.");
	else if (kms_worker_start(question.event, cfg, "DescribeKey", request, on_answer, &question,
				  NULL, &answer->f) == 0)
		sd_event_loop(question.event);
	sd_event_unref(question.event);
}
