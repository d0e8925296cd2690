//go:build linux

package program

import "golang.org/x/sys/unix"

// callNames are the system calls that programs use; others print as numbers.
var callNames = map[uintptr]string{
	Birth:                      "birth",
	unix.SYS_BIND:              "bind",
	unix.SYS_BPF:               "bpf",
	unix.SYS_CAPSET:            "capset",
	unix.SYS_CHDIR:             "chdir",
	unix.SYS_CHROOT:            "chroot",
	unix.SYS_CLOCK_NANOSLEEP:   "clock_nanosleep",
	unix.SYS_CLOSE:             "close",
	unix.SYS_CLOSE_RANGE:       "close_range",
	unix.SYS_DUP3:              "dup3",
	unix.SYS_EXECVE:            "execve",
	unix.SYS_EXECVEAT:          "execveat",
	unix.SYS_EXIT_GROUP:        "exit_group",
	unix.SYS_FACCESSAT:         "faccessat",
	unix.SYS_FCHDIR:            "fchdir",
	unix.SYS_FCHMOD:            "fchmod",
	unix.SYS_FCHMODAT:          "fchmodat",
	unix.SYS_FCHOWN:            "fchown",
	unix.SYS_FCHOWNAT:          "fchownat",
	unix.SYS_FCNTL:             "fcntl",
	unix.SYS_FSCONFIG:          "fsconfig",
	unix.SYS_FSMOUNT:           "fsmount",
	unix.SYS_FSOPEN:            "fsopen",
	unix.SYS_FSPICK:            "fspick",
	unix.SYS_FSTATFS:           "fstatfs",
	unix.SYS_FTRUNCATE:         "ftruncate",
	unix.SYS_GETPID:            "getpid",
	unix.SYS_IOCTL:             "ioctl",
	unix.SYS_IOPRIO_SET:        "ioprio_set",
	unix.SYS_KEYCTL:            "keyctl",
	unix.SYS_KILL:              "kill",
	unix.SYS_MKDIRAT:           "mkdirat",
	unix.SYS_MKNODAT:           "mknodat",
	unix.SYS_MOUNT:             "mount",
	unix.SYS_MOUNT_SETATTR:     "mount_setattr",
	unix.SYS_MOVE_MOUNT:        "move_mount",
	unix.SYS_OPENAT:            "openat",
	unix.SYS_OPENAT2:           "openat2",
	unix.SYS_OPEN_TREE:         "open_tree",
	unix.SYS_PERSONALITY:       "personality",
	unix.SYS_PIVOT_ROOT:        "pivot_root",
	unix.SYS_PRCTL:             "prctl",
	unix.SYS_PRLIMIT64:         "prlimit64",
	unix.SYS_READ:              "read",
	unix.SYS_RECVFROM:          "recvfrom",
	unix.SYS_SCHED_SETAFFINITY: "sched_setaffinity",
	unix.SYS_SCHED_SETATTR:     "sched_setattr",
	unix.SYS_SECCOMP:           "seccomp",
	unix.SYS_SENDMSG:           "sendmsg",
	unix.SYS_SENDTO:            "sendto",
	unix.SYS_SET_MEMPOLICY:     "set_mempolicy",
	unix.SYS_SETDOMAINNAME:     "setdomainname",
	unix.SYS_SETGID:            "setgid",
	unix.SYS_SETGROUPS:         "setgroups",
	unix.SYS_SETHOSTNAME:       "sethostname",
	unix.SYS_SETNS:             "setns",
	unix.SYS_SETPGID:           "setpgid",
	unix.SYS_SETPRIORITY:       "setpriority",
	unix.SYS_SETRESGID:         "setresgid",
	unix.SYS_SETRESUID:         "setresuid",
	unix.SYS_SETSID:            "setsid",
	unix.SYS_SETUID:            "setuid",
	unix.SYS_SOCKET:            "socket",
	unix.SYS_SYMLINKAT:         "symlinkat",
	unix.SYS_TRUNCATE:          "truncate",
	unix.SYS_UMASK:             "umask",
	unix.SYS_UMOUNT2:           "umount2",
	unix.SYS_UNLINKAT:          "unlinkat",
	unix.SYS_UNSHARE:           "unshare",
	unix.SYS_WRITE:             "write",
	unix.SYS_WRITEV:            "writev",
}

// bit is a flag, or a value of an enumeration, and its name.
type bit struct {
	value uint64
	name  string
}

// The sets of constants that arguments are read in.
var (
	cloneBits = []bit{
		{unix.CLONE_NEWCGROUP, "NEWCGROUP"}, {unix.CLONE_NEWIPC, "NEWIPC"}, {unix.CLONE_NEWNET, "NEWNET"},
		{unix.CLONE_NEWNS, "NEWNS"}, {unix.CLONE_NEWPID, "NEWPID"}, {unix.CLONE_NEWTIME, "NEWTIME"},
		{unix.CLONE_NEWUSER, "NEWUSER"}, {unix.CLONE_NEWUTS, "NEWUTS"}, {unix.CLONE_FS, "FS"},
	}
	mountBits = []bit{
		{unix.MS_RDONLY, "RDONLY"}, {unix.MS_NOSUID, "NOSUID"}, {unix.MS_NODEV, "NODEV"}, {unix.MS_NOEXEC, "NOEXEC"},
		{unix.MS_REMOUNT, "REMOUNT"}, {unix.MS_NOATIME, "NOATIME"}, {unix.MS_BIND, "BIND"}, {unix.MS_MOVE, "MOVE"},
		{unix.MS_REC, "REC"}, {unix.MS_UNBINDABLE, "UNBINDABLE"}, {unix.MS_PRIVATE, "PRIVATE"}, {unix.MS_SLAVE, "SLAVE"},
		{unix.MS_SHARED, "SHARED"}, {unix.MS_RELATIME, "RELATIME"}, {unix.MS_STRICTATIME, "STRICTATIME"},
	}
	umountBits = []bit{{unix.MNT_FORCE, "FORCE"}, {unix.MNT_DETACH, "DETACH"}, {unix.UMOUNT_NOFOLLOW, "NOFOLLOW"}}
	openBits   = []bit{
		{unix.O_WRONLY, "WRONLY"}, {unix.O_RDWR, "RDWR"}, {unix.O_CREAT, "CREAT"}, {unix.O_EXCL, "EXCL"},
		{unix.O_NOCTTY, "NOCTTY"}, {unix.O_TRUNC, "TRUNC"}, {unix.O_APPEND, "APPEND"}, {unix.O_NONBLOCK, "NONBLOCK"},
		{unix.O_DIRECTORY, "DIRECTORY"}, {unix.O_NOFOLLOW, "NOFOLLOW"}, {unix.O_CLOEXEC, "CLOEXEC"}, {unix.O_PATH, "PATH"},
	}
	moveBits = []bit{
		{unix.MOVE_MOUNT_F_SYMLINKS, "F_SYMLINKS"}, {unix.MOVE_MOUNT_F_EMPTY_PATH, "F_EMPTY_PATH"},
		{unix.MOVE_MOUNT_T_SYMLINKS, "T_SYMLINKS"}, {unix.MOVE_MOUNT_T_EMPTY_PATH, "T_EMPTY_PATH"},
	}
	treeBits = []bit{
		{unix.OPEN_TREE_CLONE, "CLONE"}, {unix.OPEN_TREE_CLOEXEC, "CLOEXEC"},
		{unix.AT_EMPTY_PATH, "EMPTY_PATH"}, {unix.AT_RECURSIVE, "RECURSIVE"}, {unix.AT_SYMLINK_NOFOLLOW, "NOFOLLOW"},
	}
	atBits = []bit{
		{unix.AT_EMPTY_PATH, "EMPTY_PATH"}, {unix.AT_RECURSIVE, "RECURSIVE"}, {unix.AT_SYMLINK_NOFOLLOW, "NOFOLLOW"},
	}
	attrBits = []bit{
		{unix.MOUNT_ATTR_RDONLY, "RDONLY"}, {unix.MOUNT_ATTR_NOSUID, "NOSUID"}, {unix.MOUNT_ATTR_NODEV, "NODEV"},
		{unix.MOUNT_ATTR_NOEXEC, "NOEXEC"}, {unix.MOUNT_ATTR_NOATIME, "NOATIME"},
	}
	cloexecBits = []bit{{unix.O_CLOEXEC, "CLOEXEC"}}
	oneBit      = []bit{{1, "CLOEXEC"}}
	rangeBits   = []bit{{unix.CLOSE_RANGE_UNSHARE, "UNSHARE"}, {unix.CLOSE_RANGE_CLOEXEC, "CLOEXEC"}}
)

// enumerations are arguments of which one value is taken, not flags.
var (
	fsconfigCommands = []bit{
		{unix.FSCONFIG_SET_FLAG, "SET_FLAG"}, {unix.FSCONFIG_SET_STRING, "SET_STRING"},
		{unix.FSCONFIG_SET_FD, "SET_FD"}, {unix.FSCONFIG_CMD_CREATE, "CMD_CREATE"},
	}
	prctlOptions = []bit{
		{unix.PR_SET_NO_NEW_PRIVS, "SET_NO_NEW_PRIVS"}, {unix.PR_SET_KEEPCAPS, "SET_KEEPCAPS"},
		{unix.PR_CAPBSET_DROP, "CAPBSET_DROP"}, {unix.PR_CAP_AMBIENT, "CAP_AMBIENT"},
		{unix.PR_SET_DUMPABLE, "SET_DUMPABLE"}, {unix.PR_SET_PDEATHSIG, "SET_PDEATHSIG"},
		{unix.PR_SET_SECUREBITS, "SET_SECUREBITS"}, {unix.PR_SET_CHILD_SUBREAPER, "SET_CHILD_SUBREAPER"},
		{unix.PR_SET_NAME, "SET_NAME"}, {unix.PR_GET_DUMPABLE, "GET_DUMPABLE"},
	}
	seccompOperations = []bit{{unix.SECCOMP_SET_MODE_FILTER, "SET_MODE_FILTER"}}
	ioctlRequests     = []bit{{unix.TIOCSCTTY, "TIOCSCTTY"}, {unix.SIOCSIFFLAGS, "SIOCSIFFLAGS"}, {unix.SIOCGIFFLAGS, "SIOCGIFFLAGS"}}
	limits            = []bit{
		{unix.RLIMIT_AS, "AS"}, {unix.RLIMIT_CORE, "CORE"}, {unix.RLIMIT_CPU, "CPU"}, {unix.RLIMIT_DATA, "DATA"},
		{unix.RLIMIT_FSIZE, "FSIZE"}, {unix.RLIMIT_LOCKS, "LOCKS"}, {unix.RLIMIT_MEMLOCK, "MEMLOCK"},
		{unix.RLIMIT_MSGQUEUE, "MSGQUEUE"}, {unix.RLIMIT_NICE, "NICE"}, {unix.RLIMIT_NOFILE, "NOFILE"},
		{unix.RLIMIT_NPROC, "NPROC"}, {unix.RLIMIT_RSS, "RSS"}, {unix.RLIMIT_RTPRIO, "RTPRIO"},
		{unix.RLIMIT_RTTIME, "RTTIME"}, {unix.RLIMIT_SIGPENDING, "SIGPENDING"}, {unix.RLIMIT_STACK, "STACK"},
	}
)

// form is how the arguments of a call read.
type form struct {
	count int           // how many it takes
	flags map[int][]bit // argument to its flags
	enum  map[int][]bit // argument to its values
	octal int           // a bit for each argument that is a mode
}

var forms = map[uintptr]form{
	unix.SYS_CAPSET:          {count: 2},
	unix.SYS_CHDIR:           {count: 1},
	unix.SYS_CHROOT:          {count: 1},
	unix.SYS_CLOCK_NANOSLEEP: {count: 4},
	unix.SYS_CLOSE:           {count: 1},
	unix.SYS_CLOSE_RANGE:     {count: 3, flags: map[int][]bit{2: rangeBits}},
	unix.SYS_DUP3:            {count: 3, flags: map[int][]bit{2: cloexecBits}},
	unix.SYS_EXECVE:          {count: 3},
	unix.SYS_EXECVEAT:        {count: 5, flags: map[int][]bit{4: atBits}},
	unix.SYS_EXIT_GROUP:      {count: 1},
	unix.SYS_FACCESSAT:       {count: 3},
	unix.SYS_FCHDIR:          {count: 1},
	unix.SYS_FCHMOD:          {count: 2, octal: 1 << 1},
	unix.SYS_FCHMODAT:        {count: 3, octal: 1 << 2},
	unix.SYS_FCHOWN:          {count: 3},
	unix.SYS_FCHOWNAT:        {count: 5, flags: map[int][]bit{4: atBits}},
	unix.SYS_FSCONFIG:        {count: 5, enum: map[int][]bit{1: fsconfigCommands}},
	unix.SYS_FSMOUNT:         {count: 3, flags: map[int][]bit{1: oneBit, 2: attrBits}},
	unix.SYS_FSOPEN:          {count: 2, flags: map[int][]bit{1: oneBit}},
	unix.SYS_IOCTL:           {count: 3, enum: map[int][]bit{1: ioctlRequests}},
	unix.SYS_KILL:            {count: 2},
	unix.SYS_MKDIRAT:         {count: 3, octal: 1 << 2},
	unix.SYS_MKNODAT:         {count: 4, octal: 1 << 2},
	unix.SYS_MOUNT:           {count: 5, flags: map[int][]bit{3: mountBits}},
	unix.SYS_MOUNT_SETATTR:   {count: 5, flags: map[int][]bit{2: atBits}},
	unix.SYS_MOVE_MOUNT:      {count: 5, flags: map[int][]bit{4: moveBits}},
	unix.SYS_OPENAT:          {count: 4, flags: map[int][]bit{2: openBits}, octal: 1 << 3},
	unix.SYS_OPENAT2:         {count: 4},
	unix.SYS_OPEN_TREE:       {count: 3, flags: map[int][]bit{2: treeBits}},
	unix.SYS_PIVOT_ROOT:      {count: 2},
	unix.SYS_PRCTL:           {count: 5, enum: map[int][]bit{0: prctlOptions}},
	unix.SYS_PRLIMIT64:       {count: 4, enum: map[int][]bit{1: limits}},
	unix.SYS_READ:            {count: 3},
	unix.SYS_RECVFROM:        {count: 4},
	unix.SYS_SECCOMP:         {count: 3, enum: map[int][]bit{0: seccompOperations}},
	unix.SYS_SENDTO:          {count: 4},
	unix.SYS_SETDOMAINNAME:   {count: 2},
	unix.SYS_SETGID:          {count: 1},
	unix.SYS_SETGROUPS:       {count: 2},
	unix.SYS_SETHOSTNAME:     {count: 2},
	unix.SYS_SETNS:           {count: 2, flags: map[int][]bit{1: cloneBits}},
	unix.SYS_SETRESGID:       {count: 3},
	unix.SYS_SETRESUID:       {count: 3},
	unix.SYS_SETUID:          {count: 1},
	unix.SYS_SYMLINKAT:       {count: 3},
	unix.SYS_UMASK:           {count: 1, octal: 1},
	unix.SYS_UMOUNT2:         {count: 2, flags: map[int][]bit{1: umountBits}},
	unix.SYS_UNSHARE:         {count: 1, flags: map[int][]bit{0: cloneBits}},
	unix.SYS_WRITE:           {count: 3},
}
