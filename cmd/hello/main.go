//go:build linux

// Command hello is the program of the berth/hello image. It greets and says what
// it sees of its namespaces; with arguments it is a few small tools for trying
// an engine out without a shell:
//
//	hello [sleep N|infinity | env | cat [FILE|-]… | echo … | true | false | exit N | serve [ADDRESS]:PORT]
//
// It imports no fmt and no net, so that the image's content stays well under
// 1 MiB. It ends on SIGTERM (143) and SIGINT (130) as PID 1 too, where the kernel
// drops a signal that has no handler.
package main

import (
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	exitUsage = 2
	// signalled is added to a signal's number, as shells do.
	signalled = 128
)

func main() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	done := make(chan int, 1)
	go func() { done <- run(os.Args[1:]) }()
	select {
	case code := <-done:
		os.Exit(code)
	case sig := <-signals:
		number, _ := sig.(syscall.Signal)
		os.Exit(signalled + int(number))
	}
}

func run(args []string) int {
	name := "greet"
	if len(args) > 0 {
		name, args = args[0], args[1:]
	}
	switch name {
	case "greet":
		return greet()
	case "sleep":
		return sleep(args)
	case "env":
		return say(strings.Join(append(os.Environ(), ""), "\n"))
	case "cat":
		return cat(args)
	case "echo":
		return say(strings.Join(args, " ") + "\n")
	case "true":
		return 0
	case "false":
		return 1
	case "exit":
		return exitWith(args)
	case "serve":
		return serve(args)
	}
	complain("unknown command " + strconv.Quote(name) + "\n" +
		"usage: hello [sleep N|infinity | env | cat [FILE|-]... | echo ... | true | false | exit N | serve [ADDRESS]:PORT]\n")
	return 127
}

func exitWith(args []string) int {
	if len(args) != 1 {
		complain("usage: hello exit N\n")
		return exitUsage
	}
	n, err := strconv.Atoi(args[0])
	if err != nil || n < 0 || n > 255 {
		complain("exit wants a number from 0 to 255\n")
		return exitUsage
	}
	return n
}

// sleep takes seconds (with a fraction, or a suffix s, m, h, d) or "infinity".
func sleep(args []string) int {
	if len(args) != 1 {
		complain("usage: hello sleep N|infinity\n")
		return exitUsage
	}
	if args[0] == "infinity" || args[0] == "inf" {
		select {}
	}
	d, err := duration(args[0])
	if err != nil {
		complain("invalid time " + strconv.Quote(args[0]) + "\n")
		return exitUsage
	}
	time.Sleep(d)
	return 0
}

func duration(s string) (time.Duration, error) {
	unit := time.Second
	if s != "" {
		number := s[:len(s)-1]
		switch s[len(s)-1] {
		case 's':
			s = number
		case 'm':
			s, unit = number, time.Minute
		case 'h':
			s, unit = number, time.Hour
		case 'd':
			s, unit = number, 24*time.Hour
		}
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return 0, err
	}
	if f < 0 || f != f {
		return 0, strconv.ErrRange
	}
	return time.Duration(min(f*float64(unit), 1e18)), nil
}

func cat(args []string) int {
	if len(args) == 0 {
		args = []string{"-"}
	}
	code := 0
	for _, name := range args {
		if err := copyOut(name); err != nil {
			complain("cat: " + err.Error() + "\n")
			code = 1
		}
	}
	return code
}

func copyOut(name string) error {
	in := os.Stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	_, err := io.CopyBuffer(struct{ io.Writer }{os.Stdout}, struct{ io.Reader }{in}, make([]byte, 128<<10))
	return err
}

// say writes to the standard output and returns the exit code.
func say(text string) int {
	if _, err := os.Stdout.WriteString(text); err != nil {
		return 1
	}
	return 0
}

func complain(text string) { os.Stderr.WriteString("hello: " + text) }
