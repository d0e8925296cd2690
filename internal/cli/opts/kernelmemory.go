package opts

import "github.com/spf13/pflag"

// InstallKernelMemory adds the flag for a limit that no kernel knows any more.
func InstallKernelMemory(fs *pflag.FlagSet) {
	fs.Var(new(Bytes), "kernel-memory", "Kernel memory limit (deprecated)")
	_ = fs.MarkDeprecated("kernel-memory", "and no longer supported by the kernel")
}
