/* Reads a profile and writes what libseccomp makes of it as BPF to stdout.
 *
 *   default ACTION
 *   arch NAME
 *   rule ACTION SYSCALL COUNT (ARG OP VALUE VALUE)*
 *
 * Actions are numbers as the kernel has them, operators as enum scmp_compare. */
#include <errno.h>
#include <inttypes.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void die(const char *what, int code)
{
	if (code < 0) {
		fprintf(stderr, "%s: %s\n", what, strerror(-code));
		exit(1);
	}
}

int main(void)
{
	scmp_filter_ctx ctx = NULL;
	char word[64], name[64];
	uint32_t action;

	while (scanf("%63s", word) == 1) {
		if (!strcmp(word, "default")) {
			if (scanf("%" SCNu32, &action) != 1 || !(ctx = seccomp_init(action)))
				exit(2);
			die("no_new_privs", seccomp_attr_set(ctx, SCMP_FLTATR_CTL_NNP, 0));
		} else if (!strcmp(word, "arch")) {
			if (scanf("%63s", name) != 1)
				exit(2);
			die(name, seccomp_arch_add(ctx, seccomp_arch_resolve_name(name)));
		} else {
			struct scmp_arg_cmp args[6];
			unsigned count, i;
			int call;
			if (scanf("%" SCNu32 " %63s %u", &action, name, &count) != 3 || count > 6)
				exit(2);
			for (i = 0; i < count; i++) {
				unsigned op;
				if (scanf("%u %u %" SCNu64 " %" SCNu64, &args[i].arg, &op, &args[i].datum_a, &args[i].datum_b) != 4)
					exit(2);
				args[i].op = op;
			}
			call = seccomp_syscall_resolve_name(name);
			if (call == __NR_SCMP_ERROR) {
				fprintf(stderr, "%s\n", name); /* newer than the library */
				continue;
			}
			call = seccomp_rule_add_array(ctx, action, call, count, args);
			if (call != -EEXIST) /* the first of two that contradict each other stays */
				die(name, call);
		}
	}
	die("export", seccomp_export_bpf(ctx, 1));
	return 0;
}
