package program

const sysExecveat = 281
