#include "go_asm.h"
#include "textflag.h"

#define SYS_clone 220
#define SYS_clone3 435
#define SYS_exit_group 94

// A child's argument k: its value, or what its value points to.
#define ARG(k, reg) \
	MOVD	(op_args+8*k)(R19), reg; \
	TBZ	$k, R9, 2(PC); \
	MOVD	(reg), reg

// func cloneWalk(code uintptr, args *cloneArgs, first, end *op, status *status) int64
TEXT ·cloneWalk(SB), NOSPLIT, $16-48
	MOVD	args+8(FP), R0
	MOVD	first+16(FP), R19
	MOVD	end+24(FP), R20
	MOVD	status+32(FP), R21
	MOVD	$cloneArgs__size, R1
	MOVD	code+0(FP), R10
	CALL	(R10)
	MOVD	R0, ret+40(FP)
	RET

// func walkSpan() (from, to uintptr)
TEXT ·walkSpan(SB), NOSPLIT, $0-16
	MOVD	$·walkCode(SB), R0
	MOVD	R0, from+0(FP)
	MOVD	$·walkCodeEnd(SB), R0
	MOVD	R0, to+8(FP)
	RET

// func walkCode()
//
// It may be executed as a copy, elsewhere: it calls nobody, has no stack and
// refers to nothing outside. R0 and R1 are clone3's arguments.
//
// R19 is the op, R20 the end, R21 the status: the kernel keeps all registers
// but R0 over a system call.
TEXT ·walkCode(SB), NOSPLIT|NOFRAME, $0-0
	MOVD	$SYS_clone3, R8
	SVC
	CBZ	R0, next
	RET

	// From here on: the child.
next:
	CMP	R20, R19
	BHS	ranoff
	MOVD	op_step(R19), R10 // and flags
	MOVD	R10, status_begunStep(R21)
	MOVWU	op_indirect(R19), R9
	ARG(0, R0)
	ARG(1, R1)
	ARG(2, R2)
	ARG(3, R3)
	ARG(4, R4)
	ARG(5, R5)
	MOVD	op_call(R19), R8
	CMN	$1, R8
	BEQ	store
	CMN	$2, R8
	BEQ	birth
	SVC
	MOVD	R0, op_result(R19)
	CMN	$4095, R0
	BHS	failed
ok:
	MOVWU	op_skipOK(R19), R10
skip:
	ADD	$1, R10
	MOVD	$op__size, R11
	MADD	R10, R19, R11, R19
	B	next

store:
	CMP	$4, R2
	BEQ	store4
	MOVD	R1, (R0)
	B	ok
store4:
	MOVW	R1, (R0)
	B	ok

birth:
	MOVD	$SYS_clone, R8 // which has five arguments: R5 is ours
	SVC
	MOVD	R0, op_result(R19)
	CMN	$4095, R0
	BHS	failed
	CBZ	R0, ok
	MOVW	R0, (R5)
	MOVD	$0, R0
	B	exit

failed:
	NEG	R0, R0
	MOVWU	(op_onErr+onErr_skip)(R19), R10
	MOVWU	(op_onErr+onErr_errno)(R19), R11
	CMP	R11, R0
	BEQ	skip
	MOVWU	(op_onErr+onErr__size+onErr_skip)(R19), R10
	MOVWU	(op_onErr+onErr__size+onErr_errno)(R19), R11
	CMP	R11, R0
	BEQ	skip
	MOVWU	(op_onErr+2*onErr__size+onErr_skip)(R19), R10
	MOVWU	(op_onErr+2*onErr__size+onErr_errno)(R19), R11
	CMP	R11, R0
	BEQ	skip
	MOVWU	op_step(R19), R10
	B	report
ranoff:
	// Nothing was executed. The step after the last one begun is to blame.
	MOVWU	status_begunStep(R21), R10
	ADD	$1, R10
	MOVD	$8, R0 // ENOEXEC
report:
	MOVW	R10, status_step(R21)
	MOVW	R0, status_errno(R21)
	MOVD	$1, R10
	MOVW	R10, status_failed(R21)
	MOVD	$1, R0
exit:
	MOVD	$SYS_exit_group, R8
	SVC
	UNDEF // a filter that forbids even this

// func walkCodeEnd()
//
// The end of walkCode.
TEXT ·walkCodeEnd(SB), NOSPLIT|NOFRAME, $0-0
	RET
