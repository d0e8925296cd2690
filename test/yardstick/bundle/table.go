//go:build linux

package bundle

// Table is every case, under names that are directories' names too.
func Table() []Case {
	var all []Case
	for _, cases := range [][]Case{processes(), rights(), mounts(), places(), namespaces(), filters(), groups(), lives(), failures()} {
		all = append(all, cases...)
	}
	return all
}
