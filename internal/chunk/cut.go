package chunk

// Sizes of chunks in bytes. Only the last chunk of a run of data is smaller than
// Smallest, and most are near Average.
const (
	Smallest = 256 << 10
	Average  = 1 << 20
	Largest  = 4 << 20
)

// Cutter finds where chunks end, by what is in the data and not by where it lies: what
// is put into the middle of a file changes the chunks around it, and none behind.
//
// A rolling sum over the last 64 bytes (a "gear") ends a chunk when certain bits
// of it are zero: more of them while the chunk is below the average and fewer
// afterwards, which keeps sizes together (FastCDC, Xia et al., USENIX ATC 2016). The numbers
// are a part of the stores' format: with others nothing would be found to be there already.
type Cutter struct {
	gear [256]uint64
}

// How many bits have to be zero below the average size and above it.
const (
	bitsBelow = 21
	bitsAbove = 18
)

// The bits that are looked at are the highest ones: those depend on all of the last 64 bytes.
const (
	maskBelow = uint64(1<<bitsBelow-1) << (64 - bitsBelow)
	maskAbove = uint64(1<<bitsAbove-1) << (64 - bitsAbove)
)

// NewCutter returns a Cutter, which any number of goroutines may use.
func NewCutter() *Cutter {
	c := &Cutter{}
	seed := uint64(0x6265727468) // "berth"
	for i := range c.gear {      // splitmix64
		seed += 0x9e3779b97f4a7c15
		z := seed
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		c.gear[i] = z ^ z>>31
	}
	return c
}

// Cut returns how long the first chunk of the data is. The data is as much as Largest, or all
// that is left.
func (c *Cutter) Cut(data []byte) int {
	if len(data) <= Smallest {
		return len(data)
	}
	data = data[:min(len(data), Largest)]
	sum := uint64(0)
	for _, b := range data[Smallest-64 : Smallest] {
		sum = sum<<1 + c.gear[b]
	}
	middle := min(Average, len(data))
	at, sum := c.find(data[Smallest:middle], sum, maskBelow)
	if at += Smallest; at < middle {
		return at + 1
	}
	at, _ = c.find(data[middle:], sum, maskAbove)
	return min(middle+at+1, len(data))
}

// find is where the bits of the mask are zero first; the length of the data when nowhere.
func (c *Cutter) find(data []byte, sum, mask uint64) (int, uint64) {
	for i, b := range data {
		sum = sum<<1 + c.gear[b]
		if sum&mask == 0 {
			return i, sum
		}
	}
	return len(data), sum
}
