#include "go_asm.h"
#include "textflag.h"

#define SYS_ioctl 29
#define SYS_write 64
#define SYS_exit_group 94
#define SYS_kill 129
#define SYS_rt_sigprocmask 135
#define SYS_rt_sigtimedwait 137
#define SYS_setpgid 154
#define SYS_getpid 172
#define SYS_clone 220
#define SYS_execve 221
#define SYS_wait4 260

#define SIGCHLD 17
#define SIG_SETMASK 2
#define TIOCSPGRP 0x5410

// The frame at R19: what sigtimedwait tells is at its beginning.
#define MASK 128
#define OLD 136
#define WORD 144
#define BUFFER 160
#define FRAME 4352

// CALL makes a system call.
#define CALL(n) \
	MOVD	$n, R8; \
	SVC

// SAY writes a sentence to the standard error.
#define SAY(n) \
	MOVD	$(const_texts+n*const_textSlot), R1; \
	MOVBU	(R1), R2; \
	ADD	$1, R1; \
	MOVD	$2, R0; \
	CALL(SYS_write)

// func codeSpan() (from, to uintptr)
TEXT ·codeSpan(SB), NOSPLIT, $0-16
	MOVD	$·code(SB), R0
	MOVD	R0, from+0(FP)
	MOVD	$·codeEnd(SB), R0
	MOVD	R0, to+8(FP)
	RET

// func code()
//
// It is executed as a program of its own: it calls nobody and refers to nothing
// but its texts. R19 is the frame, R20 the arguments of the container's program, R21 the
// environment, R22 its process: the kernel keeps all registers but R0 over a
// system call.
TEXT ·code(SB), NOSPLIT|NOFRAME, $0-0
	MOVD	RSP, R19
	MOVD	(R19), R1 // how many arguments
	ADD	$8, R19, R20
	ADD	R1<<3, R20, R21
	ADD	$8, R21
	SUB	$FRAME, R19
	MOVD	R19, RSP
	CMP	$3, R1
	BLT	usage
	MOVD	8(R20), R1
	MOVBU	(R1), R2
	CMP	$'-', R2
	BNE	usage
	MOVBU	1(R1), R2
	CMP	$'-', R2
	BNE	usage
	MOVBU	2(R1), R2
	CBNZ	R2, usage
	ADD	$16, R20

	// Every signal waits to be taken, from before there is a child to end.
	MOVD	$const_forwarded, R1
	MOVD	R1, MASK(R19)
	MOVD	$SIG_SETMASK, R0
	ADD	$MASK, R19, R1
	ADD	$OLD, R19, R2
	MOVD	$8, R3
	CALL(SYS_rt_sigprocmask)
	MOVD	$SIGCHLD, R0
	MOVD	ZR, R1
	MOVD	ZR, R2
	MOVD	ZR, R3
	MOVD	ZR, R4
	CALL(SYS_clone)
	CBZ	R0, child
	CMP	$0, R0
	BLT	nochild
	MOVD	R0, R22
	MOVD	$1, R23 // WNOHANG

next:
	ADD	$MASK, R19, R0
	MOVD	R19, R1
	MOVD	ZR, R2
	MOVD	$8, R3
	CALL(SYS_rt_sigtimedwait)
	CMN	$4, R0 // EINTR
	BEQ	next
	CMN	$11, R0 // EAGAIN
	BEQ	next
	CMP	$SIGCHLD, R0
	BEQ	reap
	CMP	$0, R0
	BLT	blind
	MOVD	R0, R1
	MOVD	R22, R0
	CALL(SYS_kill)
	B	next

blind: // a filter forbids it: then only the child's end can be waited for
	MOVD	ZR, R23
reap:
	MOVD	$-1, R0
	ADD	$WORD, R19, R1
	MOVD	R23, R2
	MOVD	ZR, R3
	CALL(SYS_wait4)
	CMP	$0, R0
	BLE	reaped
	CMP	R22, R0
	BNE	reap
	MOVWU	WORD(R19), R0
	AND	$127, R0, R1
	CBNZ	R1, signalled
	LSR	$8, R0
	AND	$255, R0
	B	exit
signalled:
	ADD	$128, R1, R0
	B	exit
reaped:
	CBNZ	R23, next
	MOVD	$1, R0
	B	exit

child:
	MOVD	ZR, R0
	MOVD	ZR, R1
	CALL(SYS_setpgid)
	CALL(SYS_getpid)
	MOVD	R0, WORD(R19)
	MOVD	ZR, R0
	MOVD	$TIOCSPGRP, R1
	ADD	$WORD, R19, R2
	CALL(SYS_ioctl) // there need not be a terminal
	MOVD	$SIG_SETMASK, R0
	ADD	$OLD, R19, R1
	MOVD	ZR, R2
	MOVD	$8, R3
	CALL(SYS_rt_sigprocmask)

	// R24 is the program's name, R25 whether one could not be executed.
	MOVD	(R20), R24
	MOVD	ZR, R25
	MOVBU	(R24), R1
	CBZ	R1, missing
	MOVD	R24, R9
slash:
	MOVBU	(R9), R1
	ADD	$1, R9
	CMP	$'/', R1
	BEQ	direct
	CBNZ	R1, slash
	MOVD	R21, R10
	MOVD	$0x48544150, R11 // "PATH"
env:
	MOVD	(R10), R9
	ADD	$8, R10
	CBZ	R9, nopath
	MOVWU	(R9), R1
	CMP	R11, R1
	BNE	env
	MOVBU	4(R9), R1
	CMP	$'=', R1
	BNE	env
	ADD	$5, R9
	B	dir
nopath:
	MOVD	$const_pathAt, R9

	// R9 is in PATH, R10 and R11 are the buffer's place and end.
dir:
	ADD	$BUFFER, R19, R10
	MOVD	$(FRAME-1), R11
	ADD	R19, R11
copy:
	MOVBU	(R9), R1
	CBZ	R1, copied
	CMP	$':', R1
	BEQ	copied
	ADD	$1, R9
	CMP	R11, R10
	BHS	copy // too long, and passed over below
	MOVB	R1, (R10)
	ADD	$1, R10
	B	copy
copied:
	ADD	$BUFFER, R19, R12
	CMP	R12, R10
	BEQ	here // an empty word is the working directory
	MOVD	$'/', R1
	MOVB	R1, (R10)
	ADD	$1, R10
here:
	MOVD	R24, R12
name:
	CMP	R11, R10
	BHS	over
	MOVBU	(R12), R1
	MOVB	R1, (R10)
	ADD	$1, R10
	ADD	$1, R12
	CBNZ	R1, name
	ADD	$BUFFER, R19, R0
	MOVD	R20, R1
	MOVD	R21, R2
	CALL(SYS_execve)
	CMN	$2, R0 // ENOENT
	BEQ	over
	CMN	$20, R0 // ENOTDIR
	BEQ	over
	CMN	$13, R0 // EACCES
	BNE	failed
	MOVD	R0, R25
over:
	MOVBU	(R9), R1
	CBZ	R1, exhausted
	ADD	$1, R9
	B	dir
exhausted:
	MOVD	R25, R0
	CBNZ	R0, failed
missing:
	MOVD	$-2, R0
	B	failed
direct:
	MOVD	R24, R0
	MOVD	R20, R1
	MOVD	R21, R2
	CALL(SYS_execve)

failed:
	MOVD	R0, R23
	SAY(0)
	MOVD	R24, R1
	MOVD	R24, R2
length:
	MOVBU	(R2), R3
	ADD	$1, R2
	CBNZ	R3, length
	SUB	R1, R2
	SUB	$1, R2
	MOVD	$2, R0
	CALL(SYS_write)
	CMN	$2, R23
	BEQ	absent
	CMN	$13, R23
	BEQ	denied
	SAY(3)
	MOVD	$1, R0
	B	exit
absent:
	SAY(1)
	MOVD	$127, R0
	B	exit
denied:
	SAY(2)
	MOVD	$126, R0
	B	exit
usage:
	SAY(4)
	MOVD	$1, R0
	B	exit
nochild:
	SAY(5)
	MOVD	$1, R0
exit:
	CALL(SYS_exit_group)
	UNDEF

// func codeEnd()
TEXT ·codeEnd(SB), NOSPLIT|NOFRAME, $0-0
	RET
