//go:build linux

// Command attacker is what a hostile image runs: it makes one attempt to get
// out of its container and prints one line, "escaped: how" or "refused: why".
// The tests of package breakout build it and put it into containers.
package main

import (
	"errors"
	"fmt"
	"os"
)

// attempt tries to break out. It returns how it got out, or why not.
type attempt func(args []string) (how string, err error)

// attempts are all that this program can do, by their names.
func attempts() map[string]attempt {
	return map[string]attempt{
		"make-device":      makeDevice,
		"write-sysctl":     writeSysctl,
		"write-sysfs":      writeSysfs,
		"open-for-writing": openForWriting,
		"read":             read,
		"kill":             killOutside,
		"find-key":         findKey,
		"user-namespace":   userNamespace,
		"release-agent":    releaseAgent,
		"join-cgroup":      joinCgroup,
		"open-by-handle":   openByHandle,
		"type-into-tty":    typeIntoTerminal,
		"write-console":    writeConsole,
		"look-up-from-cwd": lookUpFromCwd,
		"use-descriptors":  useDescriptors,
		"watch-exec":       watchExec,
		"trace-exec":       traceExec,
		"take-runtime":     takeRuntime,
		"stop-exec":        stopExec,
		"swap":             swap,
		"idle":             idle,
		"stay":             stay,
		"sees":             sees,
		"misses":           misses,
		"find":             findMount,
	}
}

var errNothing = errors.New("there is nothing to get hold of")

func main() {
	if len(os.Args) < 2 {
		fmt.Println("usage: attacker ATTEMPT [ARGUMENT]...")
		os.Exit(2)
	}
	if os.Args[1] == inNamespace { // the second half of user-namespace
		report(mountSomething(nil))
		return
	}
	try, known := attempts()[os.Args[1]]
	if !known {
		fmt.Println("there is no attempt " + os.Args[1])
		os.Exit(2)
	}
	report(try(os.Args[2:]))
}

func report(how string, err error) {
	if err != nil {
		fmt.Println("refused: " + err.Error())
		return
	}
	fmt.Println("escaped: " + how)
}
