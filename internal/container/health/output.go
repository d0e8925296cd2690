package health

import "sync"

// maxOutput is how much of a probe's output is kept, as in Docker.
const maxOutput = 4096

// output keeps the beginning of what a probe says. It may be written to and read
// at the same time: what has been killed may go on writing for a moment.
type output struct {
	mu   sync.Mutex
	text []byte
	cut  bool
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	room := maxOutput - len(o.text)
	o.cut = o.cut || len(p) > room
	o.text = append(o.text, p[:min(room, len(p))]...)
	return len(p), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.cut {
		return string(o.text) + "..."
	}
	return string(o.text)
}
