/*
 * Records of packets for `stronghost trace`.
 */
#include "bpf/lib/maps.h"
#include "bpf/lib/packet.h"
#include "bpf/lib/trace.h"

struct sh_trace sh_trace;

/*
 * The start of a frame, on the stack: most of what is looked at is not wanted. The IP header lies
 * on a word there.
 */
struct head {
	__u8 pad[2];
	__u8 bytes[SH_TRACE_BYTES];
} __attribute__((aligned(8)));

static __always_inline bool is_wanted(const void *bytes)
{
	const struct sh_ip *ip = bytes, *wanted = &sh_trace.ip;

	return ip->words[3] == wanted->words[3] && ip->words[2] == wanted->words[2] &&
	       ip->words[1] == wanted->words[1] && ip->words[0] == wanted->words[0];
}

static __always_inline bool is_wanted4(__be32 ip)
{
	struct sh_address_key key;

	key_from_ipv4(&key, ip);
	return is_wanted(&key.ip);
}

/* What lies behind the frame's end is zero, and nobody asks for that. */
static __always_inline bool is_about(const struct head *head)
{
	const void *behind = head->bytes + ETH_LEN;
	const struct iphdr *ip = behind;
	const struct ipv6hdr *ip6 = behind;
	const struct arp_packet *arp = behind;
	const struct nd_packet *nd = behind + sizeof(*ip6);

	if (ether_type(head->bytes) == bpf_htons(ETH_P_IP))
		return is_wanted4(ip->saddr) || is_wanted4(ip->daddr);
	if (ether_type(head->bytes) == bpf_htons(ETH_P_ARP))
		return is_wanted4(arp_ip(arp->spa)) || is_wanted4(arp_ip(arp->tpa));
	if (ether_type(head->bytes) != bpf_htons(ETH_P_IPV6))
		return false;
	if (is_wanted(&ip6->saddr) || is_wanted(&ip6->daddr))
		return true;
	return ip6->nexthdr == IPPROTO_ICMPV6 &&
	       (nd->type == ND_SOLICIT || nd->type == ND_ADVERT) && is_wanted(&nd->target);
}

static __always_inline bool any_address(void)
{
	const struct sh_ip *ip = &sh_trace.ip;

	return !(ip->words[0] | ip->words[1] | ip->words[2] | ip->words[3]);
}

/* CPUs that meet at a window's turn may record a few more. */
static __always_inline bool within_limit(__u64 now)
{
	if (now - READ_ONCE(sh_trace.window_ns) >= SH_TRACE_WINDOW_NS) {
		sh_trace.window_ns = now;
		sh_trace.taken = 0;
	}
	if (READ_ONCE(sh_trace.taken) >= SH_TRACE_PER_WINDOW)
		return false;
	__sync_fetch_and_add(&sh_trace.taken, 1);
	return true;
}

/* Room in the ring; flips and conflicts always find the other half of it. */
static __always_inline struct sh_trace_record *new_record(__u64 now)
{
	struct sh_trace_record *record = NULL;

	if (bpf_ringbuf_query(&sh_events, BPF_RB_AVAIL_DATA) < SH_EVENTS_BYTES / 2 &&
	    within_limit(now))
		record = bpf_ringbuf_reserve(&sh_events, sizeof(*record), 0);
	if (!record)
		__sync_fetch_and_add(&sh_trace.missed, 1);
	return record;
}

struct meeting {
	__u32 length;
	__u32 captured;
	__u32 ifindex;
	__u32 home;
	__u32 verdict;
	__u32 program;
	__u32 vlan;
};

static __always_inline void show(const struct head *head, const struct meeting *meeting)
{
	struct sh_trace_record *record;
	__u64 now;

	if ((sh_trace.home && sh_trace.home != meeting->home) ||
	    (!any_address() && !is_about(head)))
		return;
	now = bpf_ktime_get_ns();
	record = new_record(now);
	if (!record)
		return;
	record->time_ns = now;
	record->type = SH_EVENT_PACKET;
	record->home = meeting->home;
	record->ifindex = meeting->ifindex;
	record->verdict = meeting->verdict;
	record->length = meeting->length;
	record->captured = meeting->captured;
	record->program = meeting->program;
	record->vlan = meeting->vlan;
	__builtin_memcpy(record->bytes, head->bytes, SH_TRACE_BYTES);
	bpf_ringbuf_submit(record, 0);
}

/*
 * How much of a frame is recorded. The verifier has to see both bounds on the register that the
 * helper gets: the compiler must not compare another copy of it, and Linux 6.1 learns no lower
 * bound from "not 0".
 */
static __always_inline __u32 to_capture(__u32 length)
{
	asm volatile("" : "+r"(length));
	return length > SH_TRACE_BYTES ? SH_TRACE_BYTES : length;
}

int sh_trace_skb(struct __sk_buff *skb, __u32 home, enum sh_verdict verdict,
		 enum sh_trace_program program)
{
	__u32 captured = to_capture(skb->len);
	struct head head = {};

	if (captured < ETH_LEN || bpf_skb_load_bytes(skb, 0, head.bytes, captured))
		return 0;
	show(&head, &(struct meeting){.length = skb->len,
				      .captured = captured,
				      .ifindex = skb->ifindex,
				      .home = home,
				      .verdict = verdict,
				      .program = program,
				      .vlan = skb->vlan_present ? skb->vlan_tci & 0x0fff : 0});
	return 0;
}

int sh_trace_xdp(struct xdp_md *ctx, __u32 home, enum sh_verdict verdict)
{
	__u32 length = ctx->data_end - ctx->data, captured = to_capture(length);
	struct head head = {};

	if (captured < ETH_LEN || bpf_xdp_load_bytes(ctx, 0, head.bytes, captured))
		return 0;
	show(&head, &(struct meeting){.length = length,
				      .captured = captured,
				      .ifindex = ctx->ingress_ifindex,
				      .home = home,
				      .verdict = verdict,
				      .program = SH_TRACE_GUARD});
	return 0;
}

char _license[] SEC("license") = "GPL";
