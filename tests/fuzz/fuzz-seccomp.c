/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fuzz.h"
#include "seccomp-profile.h"

/* Whatever the profile is, there is either an error that says why, or a filter that the kernel's limits allow. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const SeccompTarget target = { UINT64_C(0xa80425fb), "amd64", { 6, 1 } };
        _cleanup_(seccomp_profile_done) SeccompProfile profile = {};
        _cleanup_(syscall_filter_done) SyscallFilter filter = {};
        _cleanup_error_ Error error = {};

        int r = seccomp_profile_read((const char *) data, size, &target, &profile, &error);
        if (r >= 0)
                r = seccomp_profile_compile(&profile, &filter, &error);
        FUZZ_CHECK(r >= 0 || (error.kind != ERROR_NONE && error.message));
        FUZZ_CHECK(r < 0 || (filter.n_instructions > 0 && filter.n_instructions <= BPF_MAXINSNS));
        return 0;
}
