// Package show turns what the services answer into the wire types of the Engine API,
// in the form that the client's version knows.
package show

// OrEmpty makes null an empty list, where Docker never answers null.
func OrEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
