package provision

// Undo is the stack of what has to be given back when a verb fails half-way.
type Undo []func()

// Add puts what gives one thing back on top.
func (u *Undo) Add(f func()) { *u = append(*u, f) }

// Run gives everything back, the last taken first.
func (u *Undo) Run() {
	for i := len(*u) - 1; i >= 0; i-- {
		(*u)[i]()
	}
	*u = nil
}

// Clear says that the verb succeeded.
func (u *Undo) Clear() { *u = nil }
