// SPDX-License-Identifier: Apache-2.0
//
// The linked vDSO (exec/vdso), as data of the kernel.
.section .rodata
.balign 4096
.global vdso_image_begin, vdso_image_end
vdso_image_begin:
    .incbin "kernel/vdso.so"
vdso_image_end:
