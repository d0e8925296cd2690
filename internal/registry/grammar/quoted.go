package grammar

import "berth/internal/fault"

// quoted shows a client's words in an error, a bounded number of them.
func quoted(s string) string { return fault.Quoted(s) }
