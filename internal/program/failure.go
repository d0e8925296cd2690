package program

import (
	"strconv"
	"syscall"
)

// Failure says which step stopped a program.
type Failure struct {
	Step  int           // index in Steps; -1 when there was no child yet, or it had not begun
	Of    int           // how many steps there are; a Step of Of means it ran off the end
	Name  string        // of the step; an executor does not know names, Program.Fail does
	Errno syscall.Errno // 0 when the child was killed while in this step
}

// Fail builds the Failure of a step by its index, as an executor reported it.
func (p *Program) Fail(step int, errno syscall.Errno) *Failure {
	f := &Failure{Step: step, Of: len(p.Steps), Errno: errno}
	switch {
	case step < 0:
		f.Name = "clone the process"
	case step < len(p.Steps):
		f.Name = p.Steps[step].Name
	default:
		f.Name = "run a program"
	}
	return f
}

// Error says "step 9 of 31, mask paths /proc/kcore: invalid argument".
func (f *Failure) Error() string {
	text := "before step 1"
	if f.Step >= 0 {
		text = "step " + strconv.Itoa(f.Step+1) + " of " + strconv.Itoa(f.Of)
	}
	if f.Name != "" {
		text += ", " + f.Name
	}
	if f.Errno == 0 {
		return text + ": the process was killed before it could run its program"
	}
	return text + ": " + f.Errno.Error()
}

// Unwrap returns the errno, for errors.Is(err, fs.ErrNotExist) and the like.
func (f *Failure) Unwrap() error {
	if f.Errno == 0 {
		return nil
	}
	return f.Errno
}
