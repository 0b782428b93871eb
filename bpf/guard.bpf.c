/*
 * guard: XDP of a member. Drops, before the stack spends anything on them, the ARP and ND requests
 * that another NIC answers and the packets that the strong host model refuses. Whatever it passes
 * is met by deliver, which counts it.
 */
#include "bpf/lib/account.h"
#include "bpf/lib/heard.h"
#include "bpf/lib/ingress.h"
#include "bpf/lib/trace.h"

SEC("xdp")
int sh_guard(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
	__u32 ifindex = ctx->ingress_ifindex;
	struct sh_nic *nic = nic_of(ifindex);
	struct ingress in = {};

	/* With VLAN children the tag may be stripped already: only tc knows whose frame it is. */
	if (!nic || nic->flags & SH_NIC_VLAN_CHILDREN)
		return XDP_PASS;
	decide_ingress(&in, data, data_end, nic, ifindex);
	if (!is_drop(in.verdict))
		return XDP_PASS;
	/*
	 * Generic XDP meets the frames again that deliver put into this home, and can't read the
	 * mark.
	 */
	if (nic->flags & SH_NIC_XDP_GENERIC && in.home == nic->home && in.verdict != SH_IN_ECHO)
		return XDP_PASS;
	/* What passes is noted by deliver. */
	if (is_watched(nic->home)) {
		if (in.verdict == SH_IN_ECHO)
			note_echo(nic->home);
		else
			note_heard(nic->home, data, data_end, in.kind);
	}
	account(nic->home, in.verdict, data_end - data);
	if (is_traced(in.verdict))
		sh_trace_xdp(ctx, nic->home, in.verdict);
	return XDP_DROP;
}

char _license[] SEC("license") = "GPL";
