// Package fields lists what a create of a container may say, and what becomes of it here.
// docs/fields.md is made of it (go run ./tools/fields). Its tests look that every field of
// the Engine API is in it, and that the tests that it names exist.
package fields

import "slices"

// How says what becomes of a field.
type How string

// What can become of a field. Nothing is ignored without a word.
const (
	Honoured How = "honoured" // it has an effect, which the test reads
	Kept     How = "kept"     // it decides nothing on Linux, or here, and inspect shows it
	Refused  How = "refused"  // the create fails with an error that says why
)

// Row is one field.
type Row struct {
	Name string // "HostConfig.Memory", as in the API's JSON
	How  How
	What string // in a few words, for people; of a refused one why
	Test string // the Go test, unless it is refused: then the list's own test makes Body
	Body string // of a create that is refused
	Says string // its error
}

// List is all fields: those of a container's Config, of its HostConfig with the Resources, and of
// the NetworkingConfig; lists and objects whose parts have a meaning of their own are taken apart.
func List() []Row {
	return slices.Concat(configRows(), limitRows(), rightRows(), namespaceRows(), mountRows(), networkRows(), otherRows())
}

// Tests that more than one field has.
const (
	inside = "TestFieldsOfACreateHaveTheirEffectInside"
	shown  = "TestWhatSaysSomethingOfAContainerIsShown"
)

func honoured(name, what string) Row { return Row{Name: name, How: Honoured, What: what, Test: inside} }

func (r Row) by(test string) Row { r.Test = test; return r }

func kept(name, what string) Row { return Row{Name: name, How: Kept, What: what, Test: shown} }

func refused(name, what, body, says string) Row {
	return Row{Name: name, How: Refused, What: what, Body: body, Says: says}
}
