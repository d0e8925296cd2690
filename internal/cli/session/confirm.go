package session

import (
	"bufio"
	"context"
	"fmt"
	"strings"
)

// Cancelled is a command that the user did not want after all: it ends well and
// without a word.
type Cancelled struct{ What string }

func (c Cancelled) Error() string { return c.What }

// Confirm asks a question whose answer is no unless it is y or Y. Nothing at
// all, as from a script without input, is no as well.
func (s *Session) Confirm(ctx context.Context, question string) (bool, error) {
	_, _ = fmt.Fprint(s.Out, question+" [y/N] ")
	line, err := s.ReadLine(ctx)
	return strings.EqualFold(line, "y"), err
}

// ReadLine reads a line of the input, without the blanks around it. A signal
// ends the wait; the goroutine that reads stays until the process ends, since
// nothing can interrupt it.
func (s *Session) ReadLine(ctx context.Context) (string, error) {
	answer := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(s.In)
		lines.Scan()
		answer <- strings.TrimSpace(lines.Text())
	}()
	select {
	case line := <-answer:
		return line, nil
	case <-ctx.Done():
		_, _ = fmt.Fprintln(s.Out)
		return "", Cancelled{"prompt terminated"}
	}
}
