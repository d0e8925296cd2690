package process

import (
	"os"
	"sync"
)

// logFile is a file at whose end lines are written, and whose name may be given to another one meanwhile.
type logFile struct {
	name string
	mu   sync.Mutex
	file *os.File
}

func openLog(name string) (*logFile, error) {
	l := &logFile{name: name}
	return l, l.reopen()
}

// reopen goes on in the file that has the name now; on an error in the one before. A nil one is no file.
func (l *logFile) reopen() error {
	if l == nil {
		return nil
	}
	f, err := os.OpenFile(l.name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o640)
	if err != nil {
		return err
	}
	l.mu.Lock()
	before := l.file
	l.file = f
	l.mu.Unlock()
	if before == nil {
		return nil
	}
	return before.Close()
}

func (l *logFile) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.file.Write(b)
}

func (l *logFile) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.file.Close()
}
