// Package plan is what the host tells the virtual machine to do, and how the
// machine answers.
//
// The answer is lines on the second serial port, each a word and its operand:
//
//	START name        a job begins
//	PASS name         it ended well and left nothing behind
//	FAIL name: why    it did not
//	EXIT n            all is done; 0 means that every job passed
//
// Nothing but EXIT 0 is success: a kernel that panics ends the machine quietly.
package plan

import "time"

// Places in the machine.
const (
	File    = "/etc/plan.json"
	Console = "/dev/ttyS0" // the kernel's messages and the jobs' output
	Answer  = "/dev/ttyS1"
	Systemd = "/lib/systemd/systemd"
)

// SystemdWord on the kernel's command line has the machine's init make way for systemd.
const SystemdWord = "berth.systemd"

// Words of the answer.
const (
	Start = "START"
	Pass  = "PASS"
	Fail  = "FAIL"
	Exit  = "EXIT"
)

// Job is one program to run in the machine.
type Job struct {
	Name    string        `json:"name"`
	Dir     string        `json:"dir"` // where it runs
	Args    []string      `json:"args"`
	Env     []string      `json:"env"`
	Timeout time.Duration `json:"timeout"` // after which it is ended, and has failed
}

// Heading precedes a job's output on the console.
func Heading(name string) string { return "=== JOB " + name + " ===" }
