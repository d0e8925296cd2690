#include "go_asm.h"
#include "textflag.h"

#define SYS_write 1
#define SYS_rt_sigprocmask 14
#define SYS_ioctl 16
#define SYS_getpid 39
#define SYS_clone 56
#define SYS_execve 59
#define SYS_wait4 61
#define SYS_kill 62
#define SYS_setpgid 109
#define SYS_rt_sigtimedwait 128
#define SYS_exit_group 231

#define SIGCHLD 17
#define SIG_SETMASK 2
#define TIOCSPGRP 0x5410
#define EINTR 4
#define EAGAIN 11

// The frame at BX: what sigtimedwait tells is at its beginning.
#define MASK 128
#define OLD 136
#define WORD 144
#define BUFFER 160
#define FRAME 4352

// SAY writes a sentence to the standard error.
#define SAY(n) \
	MOVQ	$(const_texts+n*const_textSlot), SI; \
	MOVBLZX	(SI), DX; \
	INCQ	SI; \
	MOVL	$2, DI; \
	MOVL	$SYS_write, AX; \
	SYSCALL

// func codeSpan() (from, to uintptr)
TEXT ·codeSpan(SB), NOSPLIT, $0-16
	LEAQ	·code(SB), AX
	MOVQ	AX, from+0(FP)
	LEAQ	·codeEnd(SB), AX
	MOVQ	AX, to+8(FP)
	RET

// func code()
//
// It is executed as a program of its own: it calls nobody and refers to nothing
// but its texts. BX is the frame, R12 the arguments of the container's program, R13 the
// environment, R14 its process: the kernel keeps all registers but AX, CX and
// R11 over a system call.
TEXT ·code(SB), NOSPLIT|NOFRAME, $0-0
	MOVQ	SP, BX
	MOVQ	(BX), CX // how many arguments
	LEAQ	8(BX), R12
	LEAQ	16(BX)(CX*8), R13
	LEAQ	-FRAME(BX), BX
	MOVQ	BX, SP
	CMPQ	CX, $3
	JLT	usage
	MOVQ	8(R12), SI
	CMPB	(SI), $'-'
	JNE	usage
	CMPB	1(SI), $'-'
	JNE	usage
	CMPB	2(SI), $0
	JNE	usage
	ADDQ	$16, R12

	// Every signal waits to be taken, from before there is a child to end.
	MOVQ	$const_forwarded, AX
	MOVQ	AX, MASK(BX)
	MOVL	$SIG_SETMASK, DI
	LEAQ	MASK(BX), SI
	LEAQ	OLD(BX), DX
	MOVL	$8, R10
	MOVL	$SYS_rt_sigprocmask, AX
	SYSCALL
	MOVL	$SIGCHLD, DI
	XORL	SI, SI
	XORL	DX, DX
	XORL	R10, R10
	XORL	R8, R8
	MOVL	$SYS_clone, AX
	SYSCALL
	TESTQ	AX, AX
	JEQ	child
	JLT	nochild
	MOVQ	AX, R14
	MOVL	$1, R15 // WNOHANG

next:
	LEAQ	MASK(BX), DI
	MOVQ	BX, SI
	XORL	DX, DX
	MOVL	$8, R10
	MOVL	$SYS_rt_sigtimedwait, AX
	SYSCALL
	CMPQ	AX, $-EINTR
	JEQ	next
	CMPQ	AX, $-EAGAIN
	JEQ	next
	CMPQ	AX, $SIGCHLD
	JEQ	reap
	TESTQ	AX, AX
	JLT	blind
	MOVQ	R14, DI
	MOVQ	AX, SI
	MOVL	$SYS_kill, AX
	SYSCALL
	JMP	next

blind: // a filter forbids it: then only the child's end can be waited for
	XORL	R15, R15
reap:
	MOVQ	$-1, DI
	LEAQ	WORD(BX), SI
	MOVQ	R15, DX
	XORL	R10, R10
	MOVL	$SYS_wait4, AX
	SYSCALL
	TESTQ	AX, AX
	JLE	reaped
	CMPQ	AX, R14
	JNE	reap
	MOVL	WORD(BX), DI
	MOVL	DI, AX
	ANDL	$127, AX
	JNE	signalled
	SHRL	$8, DI
	ANDL	$255, DI
	JMP	exit
signalled:
	LEAL	128(AX), DI
	JMP	exit
reaped:
	TESTQ	R15, R15
	JNE	next
	MOVL	$1, DI
	JMP	exit

child:
	XORL	DI, DI
	XORL	SI, SI
	MOVL	$SYS_setpgid, AX
	SYSCALL
	MOVL	$SYS_getpid, AX
	SYSCALL
	MOVQ	AX, WORD(BX)
	XORL	DI, DI
	MOVL	$TIOCSPGRP, SI
	LEAQ	WORD(BX), DX
	MOVL	$SYS_ioctl, AX
	SYSCALL // there need not be a terminal
	MOVL	$SIG_SETMASK, DI
	LEAQ	OLD(BX), SI
	XORL	DX, DX
	MOVL	$8, R10
	MOVL	$SYS_rt_sigprocmask, AX
	SYSCALL

	// R8 is the program's name, R9 whether one could not be executed.
	MOVQ	(R12), R8
	XORL	R9, R9
	CMPB	(R8), $0
	JEQ	missing
	MOVQ	R8, SI
slash:
	MOVBLZX	(SI), AX
	INCQ	SI
	CMPL	AX, $'/'
	JEQ	direct
	TESTL	AX, AX
	JNE	slash
	MOVQ	R13, DI
env:
	MOVQ	(DI), SI
	ADDQ	$8, DI
	TESTQ	SI, SI
	JEQ	nopath
	CMPL	(SI), $0x48544150 // "PATH"
	JNE	env
	CMPB	4(SI), $'='
	JNE	env
	ADDQ	$5, SI
	JMP	dir
nopath:
	MOVQ	$const_pathAt, SI

	// SI is in PATH, DI and DX are the buffer's place and end.
dir:
	LEAQ	BUFFER(BX), DI
	LEAQ	(FRAME-1)(BX), DX
copy:
	MOVBLZX	(SI), AX
	TESTL	AX, AX
	JEQ	copied
	CMPL	AX, $':'
	JEQ	copied
	INCQ	SI
	CMPQ	DI, DX
	JCC	copy // too long, and passed over below
	MOVB	AX, (DI)
	INCQ	DI
	JMP	copy
copied:
	LEAQ	BUFFER(BX), R10
	CMPQ	DI, R10
	JEQ	here // an empty word is the working directory
	MOVB	$'/', (DI)
	INCQ	DI
here:
	MOVQ	R8, R10
name:
	CMPQ	DI, DX
	JCC	over
	MOVBLZX	(R10), AX
	MOVB	AX, (DI)
	INCQ	DI
	INCQ	R10
	TESTL	AX, AX
	JNE	name
	MOVQ	SI, R15
	LEAQ	BUFFER(BX), DI
	MOVQ	R12, SI
	MOVQ	R13, DX
	MOVL	$SYS_execve, AX
	SYSCALL
	MOVQ	R15, SI
	CMPQ	AX, $-2 // ENOENT
	JEQ	over
	CMPQ	AX, $-20 // ENOTDIR
	JEQ	over
	CMPQ	AX, $-13 // EACCES
	JNE	failed
	MOVQ	AX, R9
over:
	CMPB	(SI), $0
	JEQ	exhausted
	INCQ	SI
	JMP	dir
exhausted:
	MOVQ	R9, AX
	TESTQ	AX, AX
	JNE	failed
missing:
	MOVQ	$-2, AX
	JMP	failed
direct:
	MOVQ	R8, DI
	MOVQ	R12, SI
	MOVQ	R13, DX
	MOVL	$SYS_execve, AX
	SYSCALL

failed:
	MOVQ	AX, R15
	SAY(0)
	MOVQ	R8, SI
	MOVQ	$-1, DX
length:
	INCQ	DX
	CMPB	(SI)(DX*1), $0
	JNE	length
	MOVL	$2, DI
	MOVL	$SYS_write, AX
	SYSCALL
	CMPQ	R15, $-2
	JEQ	absent
	CMPQ	R15, $-13
	JEQ	denied
	SAY(3)
	MOVL	$1, DI
	JMP	exit
absent:
	SAY(1)
	MOVL	$127, DI
	JMP	exit
denied:
	SAY(2)
	MOVL	$126, DI
	JMP	exit
usage:
	SAY(4)
	MOVL	$1, DI
	JMP	exit
nochild:
	SAY(5)
	MOVL	$1, DI
exit:
	MOVL	$SYS_exit_group, AX
	SYSCALL
	UNDEF

// func codeEnd()
TEXT ·codeEnd(SB), NOSPLIT|NOFRAME, $0-0
	RET
