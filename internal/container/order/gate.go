package order

// Now is how a container that others wait for is.
type Now struct {
	Waits   bool   // for its start, or it is being started
	Up      bool   // it runs
	Health  string // by its check, in Docker's words
	Again   bool   // it has been started again since the machine was
	Failure bool   // its last run ended with another code than 0
}

// Open reports that a gate is open. It is also when what is waited for cannot
// come any more; then without says so.
func (g Gate) Open(n Now) (open bool, without string) {
	switch {
	case g.Until == Completed && n.Waits && n.Again && !n.Failure:
		return true, "" // a policy that never lets it rest
	case n.Waits:
		return false, ""
	case g.Until == Completed && n.Up:
		return false, ""
	case g.Until == Completed && !n.Failure:
		return true, ""
	case g.Until == Completed:
		return true, g.Name + " has failed"
	case !n.Up:
		return true, g.Name + " does not run"
	case g.Until == Healthy && n.Health == "unhealthy":
		return true, g.Name + " is unhealthy"
	case g.Until == Healthy:
		return n.Health == "healthy", ""
	}
	return true, ""
}
