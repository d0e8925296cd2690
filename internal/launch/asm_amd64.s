#include "go_asm.h"
#include "textflag.h"

#define SYS_clone 56
#define SYS_clone3 435
#define SYS_exit_group 231

// A child's argument k: its value, or what its value points to.
#define ARG(k, reg) \
	MOVQ	(op_args+8*k)(R12), reg; \
	BTQ	$k, R11; \
	JCC	2(PC); \
	MOVQ	(reg), reg

// func cloneWalk(code uintptr, args *cloneArgs, first, end *op, status *status) int64
TEXT ·cloneWalk(SB), NOSPLIT, $0-48
	MOVQ	args+8(FP), DI
	MOVQ	first+16(FP), R12
	MOVQ	end+24(FP), R13
	MOVQ	status+32(FP), BX
	MOVQ	$cloneArgs__size, SI
	MOVQ	code+0(FP), AX
	CALL	AX
	MOVQ	AX, ret+40(FP)
	RET

// func walkSpan() (from, to uintptr)
TEXT ·walkSpan(SB), NOSPLIT, $0-16
	LEAQ	·walkCode(SB), AX
	MOVQ	AX, from+0(FP)
	LEAQ	·walkCodeEnd(SB), AX
	MOVQ	AX, to+8(FP)
	RET

// func walkCode()
//
// It may be executed as a copy, elsewhere: it calls nobody, has no stack and
// refers to nothing outside. DI and SI are clone3's arguments.
//
// R12 is the op, R13 the end, BX the status: the kernel keeps them over a
// system call (it does not keep AX, CX and R11).
TEXT ·walkCode(SB), NOSPLIT|NOFRAME, $0-0
	MOVL	$SYS_clone3, AX
	SYSCALL
	TESTQ	AX, AX
	JEQ	next
	RET

	// From here on: the child.
next:
	CMPQ	R12, R13
	JCC	ranoff
	MOVQ	op_step(R12), AX // and flags
	MOVQ	AX, status_begunStep(BX)
	MOVL	op_indirect(R12), R11
	ARG(0, DI)
	ARG(1, SI)
	ARG(2, DX)
	ARG(3, R10)
	ARG(4, R8)
	ARG(5, R9)
	MOVQ	op_call(R12), AX
	CMPQ	AX, $-1
	JEQ	store
	CMPQ	AX, $-2
	JEQ	birth
	SYSCALL
	MOVQ	AX, op_result(R12)
	CMPQ	AX, $-4095
	JCC	failed
ok:
	MOVL	op_skipOK(R12), CX
skip:
	INCQ	CX
	IMUL3Q	$op__size, CX, CX
	ADDQ	CX, R12
	JMP	next

store:
	CMPQ	DX, $4
	JEQ	store4
	MOVQ	SI, (DI)
	JMP	ok
store4:
	MOVL	SI, (DI)
	JMP	ok

birth:
	MOVL	$SYS_clone, AX // which has five arguments: R9 is ours
	SYSCALL
	MOVQ	AX, op_result(R12)
	CMPQ	AX, $-4095
	JCC	failed
	TESTQ	AX, AX
	JEQ	ok
	MOVL	AX, (R9)
	XORL	DI, DI
	JMP	exit

failed:
	NEGQ	AX
	MOVL	(op_onErr+onErr_skip)(R12), CX
	CMPL	AX, (op_onErr+onErr_errno)(R12)
	JEQ	skip
	MOVL	(op_onErr+onErr__size+onErr_skip)(R12), CX
	CMPL	AX, (op_onErr+onErr__size+onErr_errno)(R12)
	JEQ	skip
	MOVL	(op_onErr+2*onErr__size+onErr_skip)(R12), CX
	CMPL	AX, (op_onErr+2*onErr__size+onErr_errno)(R12)
	JEQ	skip
	MOVL	op_step(R12), CX
	JMP	report
ranoff:
	// Nothing was executed. The step after the last one begun is to blame.
	MOVL	status_begunStep(BX), CX
	INCL	CX
	MOVL	$8, AX // ENOEXEC
report:
	MOVL	CX, status_step(BX)
	MOVL	AX, status_errno(BX)
	MOVL	$1, status_failed(BX)
	MOVL	$1, DI
exit:
	MOVL	$SYS_exit_group, AX
	SYSCALL
	UNDEF // a filter that forbids even this

// func walkCodeEnd()
//
// The end of walkCode.
TEXT ·walkCodeEnd(SB), NOSPLIT|NOFRAME, $0-0
	RET
