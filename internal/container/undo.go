package container

// undo is the stack of what has to be given back when a verb fails half-way.
type undo []func()

func (u *undo) add(f func()) { *u = append(*u, f) }

// run gives everything back, the last taken first.
func (u *undo) run() {
	for i := len(*u) - 1; i >= 0; i-- {
		(*u)[i]()
	}
	*u = nil
}

// clear says that the verb succeeded.
func (u *undo) clear() { *u = nil }
