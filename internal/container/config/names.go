package config

import (
	"math/rand/v2"
	"strings"
)

const adjectives = `able admiring agile amazing amber awake beautiful bold brave bright brisk calm
candid charming cheerful clever compassionate cool cosmic crisp curious daring dazzling determined
eager eloquent elegant epic fearless festive focused friendly gallant gentle gifted gracious happy
hardy honest hopeful humble inspiring jolly jovial keen kind lively loving lucid magical merry
mindful modest musing nimble nifty noble optimistic patient peaceful pensive practical priceless
quiet quirky radiant relaxed reverent romantic serene sharp silver sleepy stoic strange sunny
suspicious swift sweet tender thirsty trusting upbeat vibrant vigilant vigorous warm wise witty
wonderful youthful zealous zen`

const surnames = `albattani allen archimedes ardinghelli babbage bardeen bartik bassi bell bhabha
bohr boole borg bose brahmagupta brattain brown cannon carson cerf chandrasekhar curie darwin
davinci dijkstra einstein elion engelbart euclid euler fermat fermi feynman franklin galileo galois
gates gauss germain goldberg goodall hamilton hawking heisenberg hertz hodgkin hopper hypatia
jackson jang jones kalam kare keller kepler khorana kilby knuth lamarr lamport leakey leavitt
lovelace lumiere mahavira mayer mccarthy mcclintock mclean meitner mendel mendeleev mirzakhani
morse murdock newton nightingale nobel noether northcutt noyce pare pasteur payne perlman pike
poincare poitras ptolemy raman ramanujan ride ritchie roentgen rosalind saha sammet shannon shaw
shockley sinoussi spence stallman stonebraker swanson swartz swirles tesla thompson torvalds turing
varahamihira visvesvaraya volhard wescoff wiles williams wilson wing wozniak wright yalow yonath`

// GenerateName returns a name for a container whose user gave none.
func GenerateName() string {
	pick := func(words string) string {
		list := strings.Fields(words)
		return list[rand.IntN(len(list))]
	}
	return pick(adjectives) + "_" + pick(surnames)
}
