/*
 * reply source. A UDP server on a wildcard socket answers from the address that
 * was asked, not from what routing would choose (RFC 1122 4.1.3.5): what it receives is noted, and
 * what it sends to the same peer, before it is routed, gets that source. What answers nobody gets a
 * source where its group chooses one ([group.source]). An application that chose one (bind,
 * connect, IP_PKTINFO, IPV6_PKTINFO) is left alone.
 */
#include "bpf/lib/reply.h"

/*
 * Of this network namespace: a datagram for which the kernel seeks a socket that is connected to
 * nobody. (What is connected, and all but the first packet of TCP, does not come here.)
 */
SEC("sk_lookup")
int sh_note_asked(struct bpf_sk_lookup *ctx)
{
	struct sh_reply_key key = {};
	struct sh_reply_source asked = {};

	if (ctx->protocol != IPPROTO_UDP)
		return SK_PASS;
	read_asked(ctx, &key, &asked.address);
	if (!is_ours(&asked.address) || bpf_map_lookup_elem(&sh_reply_except, &key.local_port))
		return SK_PASS;
	asked.asked_ns = bpf_ktime_get_ns();
	note(&key, &asked);
	key.local_port = 0;
	note(&key, &asked);
	return SK_PASS;
}

/* Also for IPv4 destinations of IPv6 sockets (v4-mapped). */
SEC("cgroup/sendmsg4")
int sh_reply_from4(struct bpf_sock_addr *ctx)
{
	struct sh_reply_key key = {};
	const struct sh_ip *source;

	if (ctx->msg_src_ip4 || !is_our_namespace(ctx))
		return SH_CGROUP_PASS;
	mark_for(ctx, NULL);
	map_ipv4(&key.peer, ctx->user_ip4);
	source = source_for(ctx, &key);
	if (source)
		ctx->msg_src_ip4 = source->words[3];
	return SH_CGROUP_PASS;
}

SEC("cgroup/sendmsg6")
int sh_reply_from6(struct bpf_sock_addr *ctx)
{
	struct sh_reply_key key = {};
	const struct sh_ip *source;

	if (ctx->msg_src_ip6[0] | ctx->msg_src_ip6[1] | ctx->msg_src_ip6[2] | ctx->msg_src_ip6[3])
		return SH_CGROUP_PASS;
	if (!is_our_namespace(ctx))
		return SH_CGROUP_PASS;
	mark_for(ctx, NULL);
	read_peer6(&key.peer, ctx);
	source = source_for(ctx, &key);
	if (!source)
		return SH_CGROUP_PASS;
	ctx->msg_src_ip6[0] = source->words[0];
	ctx->msg_src_ip6[1] = source->words[1];
	ctx->msg_src_ip6[2] = source->words[2];
	ctx->msg_src_ip6[3] = source->words[3];
	return SH_CGROUP_PASS;
}

/* A client of its own, or a server's socket for one peer: new, or the very one that was asked. */
SEC("cgroup/connect4")
int sh_connect_from4(struct bpf_sock_addr *ctx)
{
	struct sockaddr_in from = {.sin_family = AF_INET};
	struct sh_reply_key key = {};
	const struct sh_ip *source;

	if (!is_unbound(ctx) || !is_our_namespace(ctx))
		return SH_CGROUP_PASS;
	map_ipv4(&key.peer, ctx->user_ip4);
	source = source_for(ctx, &key);
	if (!source || ctx->sk->src_port) {
		mark_for(ctx, source);
		return SH_CGROUP_PASS;
	}
	from.sin_addr.s_addr = source->words[3];
	bpf_bind(ctx, (struct sockaddr *)&from, sizeof(from));
	return SH_CGROUP_PASS;
}

SEC("cgroup/connect6")
int sh_connect_from6(struct bpf_sock_addr *ctx)
{
	struct sockaddr_in6 from = {.sin6_family = AF_INET6};
	struct sh_reply_key key = {};
	const struct sh_ip *source;

	if (!is_unbound(ctx) || !is_our_namespace(ctx))
		return SH_CGROUP_PASS;
	read_peer6(&key.peer, ctx);
	source = source_for(ctx, &key);
	if (!source || ctx->sk->src_port) {
		mark_for(ctx, source);
		return SH_CGROUP_PASS;
	}
	__builtin_memcpy(&from.sin6_addr, source, sizeof(from.sin6_addr));
	bpf_bind(ctx, (struct sockaddr *)&from, sizeof(from));
	return SH_CGROUP_PASS;
}

char _license[] SEC("license") = "GPL";
