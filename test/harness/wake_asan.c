/*
 * wake_asan.c
 *		Wakes the address sanitizer before any library's constructor runs.
 *
 * The sanitizer initialises itself at the first malloc and then asks libc for
 * a translated message.  Where that malloc comes from one of libc's locale
 * functions, called by a constructor (p11-kit has one), both wait for the same
 * lock for ever.  `make sanitize` links this with -z initfirst and preloads it.
 */
#include <stdlib.h>

static void *volatile first;

__attribute__((constructor)) static void
wake(void)
{
	first = malloc(1);
	free(first);
}
