package record

// ExecConfig is a further process that a user wants in a running container.
type ExecConfig struct {
	User         string
	Privileged   bool
	Tty          bool
	AttachStdin  bool
	AttachStdout bool
	AttachStderr bool
	ConsoleSize  [2]uint // height, width
	DetachKeys   string
	Env          []string
	WorkingDir   string
	Cmd          []string
}
