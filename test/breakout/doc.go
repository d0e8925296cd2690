// Package breakout has a test for every known way out of a container, tried
// from inside a hostile one. Each attack is refused by the real engine and by
// the program that the runtime compiles; and it escapes when the steps that
// are the defence have been taken out of the program, which shows that the
// attack is one.
//
// Whatever an attack could harm is the test's own: a copy of the runtime, a
// process, a file, a group, a terminal made for it; or it only opens for
// writing what it could have written.
package breakout
