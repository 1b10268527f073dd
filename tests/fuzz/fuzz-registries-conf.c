/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fuzz.h"
#include "reference.h"
#include "registries-conf.h"

/* What registries.conf(5) holds, and what follows from it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const char *const names[] = { "web", "debian:12", "docker.io/debian",
                                             "a.example.com:5000/x" };
        RegistriesConf conf = {};

        if (registries_conf_parse("fuzz", (const char *) data, size, &conf, NULL) < 0) {
                FUZZ_CHECK(!conf.rules.items && !conf.aliases && !conf.default_registry);
                return 0;
        }
        FUZZ_CHECK(registries_conf_apply_names(&conf) == 0);
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                _cleanup_(reference_done) Reference reference = {}, again = {};
                RegistryRule rule;
                /* With a very long registry or alias they become too long for a name. */
                if (reference_parse(names[i], &reference, NULL) < 0) {
                        FUZZ_CHECK(size > 200);
                        continue;
                }
                _cleanup_free_ char *familiar = reference_to_familiar(&reference);
                FUZZ_CHECK(familiar && reference_parse(familiar, &again, NULL) == 0);
                _cleanup_free_ char *canonical = reference_to_string(&reference),
                                    *back = reference_to_string(&again);
                FUZZ_CHECK(strcmp(canonical, back) == 0);

                registries_conf_find(&conf, reference.registry, reference.repository, &rule);
                FUZZ_CHECK(rule.policy >= TRUST_ACCEPT && rule.policy <= TRUST_SIGNATURE);
                FUZZ_CHECK(rule.mirror_only >= 0 && rule.insecure >= 0 && rule.blocked >= 0);
        }
        object_done(&registries_conf_type, &conf);
        FUZZ_CHECK(registries_conf_apply_names(&conf) == 0);
        return 0;
}
