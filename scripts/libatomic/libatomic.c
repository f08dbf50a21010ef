/*
 * The one function that the Node of package-lock.json takes from libatomic, for machines without
 * that library: Debian installs it only with packages that depend on it (nodejs/node#60790).
 *
 * The callers are two tables of V8, JSDispatchTable and WasmCodePointerTable. Each swaps the head of
 * a free list, two 32-bit numbers, which other code loads with a plain instruction. So a lock would
 * be wrong here: every size is the CPU's own compare-and-swap, as in GCC's library. Node 26.10.0
 * passes 8 bytes everywhere (objdump -d, both CPUs). A size without such an instruction traps.
 *
 * Built on Debian 12 (gcc 12.2.0) in this folder, for CPU x86_64 and aarch64:
 *
 *   $CPU-linux-gnu-gcc -Os -Wall -Wextra -Werror -shared -nostdlib -s -fno-ident \
 *     -fno-asynchronous-unwind-tables -Wl,--build-id=none,-z,norelro,-z,noseparate-code \
 *     -Wl,-soname,libatomic.so.1,--version-script,libatomic.map \
 *     -o $CPU/libatomic.so.1 libatomic.c
 */
#include <stdbool.h>

#ifdef __aarch64__
#pragma GCC target("no-outline-atomics") /* whose helpers are in a library of their own */
#endif

#define SWAP(type)                                                                           \
  {                                                                                          \
    type wanted = *(type *)expected;                                                         \
    type found =                                                                             \
        __sync_val_compare_and_swap((volatile type *)object, wanted, *(type *)desired);      \
    if (found == wanted) return true;                                                        \
    *(type *)expected = found;                                                               \
    return false;                                                                            \
  }

/* https://gcc.gnu.org/wiki/Atomic/GCCMM/LIbrary; every order is taken as the strongest. */
bool __atomic_compare_exchange(unsigned long size, volatile void *object, void *expected,
                               void *desired, int success, int failure) {
  (void)success, (void)failure;
  switch (size) {
    case 1: SWAP(unsigned char)
    case 2: SWAP(unsigned short)
    case 4: SWAP(unsigned int)
    case 8: SWAP(unsigned long)
  }
  __builtin_trap();
}
