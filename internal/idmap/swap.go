package idmap

// Extent maps a range of IDs: Size of them, which are Host on the disk, are Inside and up in the mount.
type Extent struct {
	Inside, Host, Size uint32
}

// top is how many IDs there are: the last one, -1, is none (user_namespaces(7)).
const top = 1<<32 - 1

// Swap lets two IDs change places and leaves all others as they are. It is for who looks at a container's files from outside
// with rights to all of them, as cp does: the kernel lets nobody make a file whose user a mount does not map.
func Swap(host, inside uint32) []Extent {
	low, high := min(host, inside), max(host, inside)
	if low == high {
		return []Extent{{Size: top}}
	}
	var list []Extent
	for _, e := range []Extent{
		{Inside: 0, Host: 0, Size: low},
		{Inside: low, Host: high, Size: 1},
		{Inside: low + 1, Host: low + 1, Size: high - low - 1},
		{Inside: high, Host: low, Size: 1},
		{Inside: high + 1, Host: high + 1, Size: top - high - 1},
	} {
		if e.Size > 0 {
			list = append(list, e)
		}
	}
	return list
}
