// SPDX-License-Identifier: MIT
/*
 * Compare what TCP sends again with what it has sent before, on the loopback interface.
 *
 *	resent to PORT [from PORT]
 *
 * Follows what is sent to or from a port, from the first packet of a connection on, and keeps the
 * bytes. Prints "ready", and then lines "<segments> <repeated> <headers> <data> <lost>", until
 * SIGTERM:
 *	segments	with data, as the receiver's kernel gets them
 *	repeated	of these, had bytes that had come before
 *	headers		of these, differed in few bytes: NVMe/TCP reuses the memory of its headers
 *	data		of these, differed in most bytes of a window of 512
 *	lost		packets that this program was too slow for
 *
 * The kernel copies each packet into a ring when the packet arrives. A packet socket without a ring
 * would refer to the pages of the sender, as a segment that is sent again does.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

#define BLOCK_SIZE  (1U << 20)
#define BLOCKS	    24
#define FLOWS	    32
#define FLOW_BYTES  (128U << 20)
#define WINDOW	    512
#define OF_HEADERS  256 /* headers in a window of WINDOW bytes are smaller */
#define BLOCK_MS    50
#define KNOWN_PORTS 8

struct flow {
	uint16_t source, dest;
	uint32_t first; /* sequence number of the first byte */
	uint8_t *bytes; /* FLOW_BYTES each; memory is taken where bytes have come */
	uint8_t *known;
};

static struct flow flows[FLOWS];
static unsigned int flow_count;
static uint16_t to, from; /* 0: none */
static unsigned long segments, repeated, headers, data, lost;

static void *reserve(void)
{
	void *memory = mmap(NULL, FLOW_BYTES, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		err(1, "mmap");
	return memory;
}

static void begin_flow(const struct tcphdr *tcp)
{
	struct flow *flow;

	for (unsigned int i = 0; i < flow_count; i++)
		if (flows[i].source == tcp->source && flows[i].dest == tcp->dest &&
		    flows[i].first == ntohl(tcp->seq) + 1)
			return;
	if (flow_count == FLOWS)
		errx(1, "more than %d connections", FLOWS);
	flow = &flows[flow_count++];
	*flow = (struct flow){ tcp->source, tcp->dest, ntohl(tcp->seq) + 1, reserve(), reserve() };
}

/* The newest one: a port may be used again. */
static struct flow *flow_of(const struct tcphdr *tcp)
{
	for (int i = (int)flow_count - 1; i >= 0; i--)
		if (flows[i].source == tcp->source && flows[i].dest == tcp->dest)
			return &flows[i];
	return NULL;
}

static void judge(const struct flow *flow, uint32_t at, const uint8_t *payload, uint32_t length)
{
	unsigned int known = 0, different = 0, most = 0;

	for (uint32_t i = 0; i < length; i++) {
		if (i % WINDOW == 0)
			different = 0;
		known += flow->known[at + i];
		different += flow->known[at + i] && flow->bytes[at + i] != payload[i];
		if (different > most)
			most = different;
	}
	repeated += known > 0;
	headers += most > 0 && most <= OF_HEADERS;
	data += most > OF_HEADERS;
}

static void look_at(const uint8_t *packet, uint32_t length)
{
	const struct iphdr *ip = (const struct iphdr *)packet;
	const struct tcphdr *tcp = (const struct tcphdr *)(packet + ip->ihl * 4);
	struct flow *flow;
	uint32_t payload, at;

	if (length < sizeof(*ip) || ip->protocol != IPPROTO_TCP || ntohs(ip->tot_len) > length)
		return;
	if (tcp->dest != to && tcp->source != from)
		return;
	if (tcp->syn)
		return begin_flow(tcp);
	flow = flow_of(tcp);
	payload = ntohs(ip->tot_len) - ip->ihl * 4 - tcp->doff * 4;
	if (!flow || !payload)
		return;
	at = ntohl(tcp->seq) - flow->first;
	if (at > FLOW_BYTES - payload)
		errx(1, "more than %u bytes in a connection", FLOW_BYTES);
	segments++;
	judge(flow, at, (const uint8_t *)tcp + tcp->doff * 4, payload);
	for (uint32_t k = 0; k < payload; k++) {
		if (!flow->known[at + k])
			flow->bytes[at + k] = ((const uint8_t *)tcp + tcp->doff * 4)[k];
		flow->known[at + k] = 1;
	}
}

static int open_ring(uint8_t **ring)
{
	struct tpacket_req3 request = {
		.tp_block_size = BLOCK_SIZE,
		.tp_block_nr = BLOCKS,
		.tp_frame_size = BLOCK_SIZE,
		.tp_frame_nr = BLOCKS,
		.tp_retire_blk_tov = BLOCK_MS,
	};
	struct sockaddr_ll loopback = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_IP),
		.sll_ifindex = if_nametoindex("lo"),
	};
	int version = TPACKET_V3, fd = socket(AF_PACKET, SOCK_DGRAM, 0);

	if (fd < 0 || setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) ||
	    setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &request, sizeof(request)))
		err(1, "no ring for packets");
	*ring = mmap(NULL, BLOCK_SIZE * BLOCKS, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (*ring == MAP_FAILED || bind(fd, (struct sockaddr *)&loopback, sizeof(loopback)))
		err(1, "no packets of lo");
	return fd;
}

static void look_at_block(struct tpacket_block_desc *block)
{
	uint8_t *frame = (uint8_t *)block + block->hdr.bh1.offset_to_first_pkt;

	for (uint32_t i = 0; i < block->hdr.bh1.num_pkts; i++) {
		const struct tpacket3_hdr *header = (const struct tpacket3_hdr *)frame;

		if (header->tp_snaplen != header->tp_len)
			errx(1, "a packet of %u bytes is not whole", header->tp_len);
		look_at(frame + header->tp_net, header->tp_snaplen);
		frame += header->tp_next_offset;
	}
}

static void take_blocks(uint8_t *ring, unsigned int *next)
{
	for (;;) {
		struct tpacket_block_desc *block =
			(struct tpacket_block_desc *)(ring + (size_t)*next * BLOCK_SIZE);

		if (!(__atomic_load_n(&block->hdr.bh1.block_status, __ATOMIC_ACQUIRE) &
		      TP_STATUS_USER))
			return;
		look_at_block(block);
		__atomic_store_n(&block->hdr.bh1.block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
		*next = (*next + 1) % BLOCKS;
	}
}

static void count_lost(int fd)
{
	struct tpacket_stats_v3 stats;
	socklen_t size = sizeof(stats);

	if (getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &stats, &size))
		err(1, "no statistics of the ring");
	lost += stats.tp_drops;
}

int main(int argc, char **argv)
{
	unsigned int next = 0;
	sigset_t terminate;
	uint8_t *ring;
	int fd, end = 0;

	if ((argc != 3 && argc != 5) || strcmp(argv[1], "to") ||
	    (argc == 5 && strcmp(argv[3], "from")))
		errx(2, "usage: resent to PORT [from PORT]");
	to = htons((uint16_t)atoi(argv[2]));
	from = argc == 5 ? htons((uint16_t)atoi(argv[4])) : 0;
	sigemptyset(&terminate);
	sigaddset(&terminate, SIGTERM);
	sigprocmask(SIG_BLOCK, &terminate, NULL);
	fd = open_ring(&ring);

	struct pollfd polled[] = { { .fd = fd, .events = POLLIN },
				   { .fd = signalfd(-1, &terminate, 0), .events = POLLIN } };

	puts("ready");
	fflush(stdout);
	while (!end) {
		if (poll(polled, 2, -1) < 0 && errno != EINTR)
			err(1, "poll");
		end = polled[1].revents;
		/* A block that is not full is given after this time. */
		if (end)
			poll(NULL, 0, 4 * BLOCK_MS);
		take_blocks(ring, &next);
		count_lost(fd);
		printf("%lu %lu %lu %lu %lu\n", segments, repeated, headers, data, lost);
		fflush(stdout);
	}
	return 0;
}
