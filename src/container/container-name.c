/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "container-name.h"
#include "random-util.h"
#include "string-util.h"

static const char *const adjectives[] = {
        "able",   "agile",    "amber",   "ample",    "azure",  "balmy",   "bold",   "brave",   "breezy",
        "bright", "brisk",    "broad",   "calm",     "candid", "careful", "casual", "cheery",  "civil",
        "clear",  "clever",   "coastal", "cool",     "copper", "coral",   "cosy",   "crisp",   "curious",
        "daring", "deep",     "deft",    "eager",    "early",  "easy",    "even",   "fabled",  "fair",
        "famous", "fancy",    "fine",    "firm",     "fleet",  "fond",    "free",   "fresh",   "frosty",
        "gentle", "glad",     "golden",  "good",     "grand",  "green",   "happy",  "hardy",   "hearty",
        "honest", "humble",   "jolly",   "keen",     "kind",   "lively",  "loyal",  "lucid",   "lucky",
        "lunar",  "marine",   "mellow",  "merry",    "mighty", "misty",   "modest", "neat",    "nimble",
        "noble",  "northern", "open",    "patient",  "placid", "polite",  "prime",  "proud",   "quick",
        "quiet",  "rapid",    "ready",   "robust",   "rosy",   "royal",   "sandy",  "serene",  "sharp",
        "silent", "silver",   "smooth",  "snowy",    "solar",  "solid",   "steady", "stellar", "sunny",
        "swift",  "tidal",    "tidy",    "tranquil", "trusty", "vivid",   "warm",   "wise",    "witty",
};

static const char *const nouns[] = {
        "albatross", "anchor",   "anemone",   "barnacle", "bay",     "beacon",    "bollard", "bosun",
        "breeze",    "brig",     "buoy",      "cape",     "captain", "cargo",     "channel", "clam",
        "clipper",   "coast",    "cod",       "compass",  "coral",   "cormorant", "cove",    "crab",
        "crane",     "current",  "cutter",    "deck",     "delta",   "dinghy",    "dock",    "dolphin",
        "eel",       "estuary",  "ferry",     "fjord",    "frigate", "galley",    "gannet",  "gull",
        "halyard",   "harbour",  "helm",      "heron",    "herring", "horizon",   "hull",    "island",
        "jetty",     "kayak",    "keel",      "kelp",     "ketch",   "lagoon",    "lantern", "limpet",
        "lobster",   "lookout",  "mackerel",  "manatee",  "mariner", "marlin",    "mast",    "mooring",
        "mussel",    "narwhal",  "navigator", "oar",      "ocean",   "octopus",   "osprey",  "otter",
        "oyster",    "pearl",    "pelican",   "penguin",  "pier",    "pilot",     "plaice",  "plover",
        "porpoise",  "puffin",   "quay",      "ray",      "reef",    "rigging",   "rudder",  "sail",
        "salmon",    "schooner", "seal",      "sextant",  "shore",   "skipper",   "sloop",   "spinnaker",
        "squid",     "starfish", "strait",    "tern",     "tide",    "tiller",    "trawler", "turtle",
        "walrus",    "wave",     "wharf",     "yawl",
};

int container_id_make(char **ret) {
        for (;;) {
                uint8_t bytes[CONTAINER_ID_LENGTH / 2];
                random_bytes(bytes, sizeof(bytes));
                _cleanup_free_ char *id = hex_encode(bytes, sizeof(bytes));
                if (!id)
                        return -ENOMEM;
                if (strspn(id, "0123456789") >= CONTAINER_ID_SHORT)
                        continue;
                *ret = TAKE_PTR(id);
                return 0;
        }
}

int container_name_make_random(char **ret) {
        uint64_t n = random_u64();

        *ret = string_join(adjectives[n % ELEMENTSOF(adjectives)], "_",
                           nouns[n / ELEMENTSOF(adjectives) % ELEMENTSOF(nouns)]);
        return *ret ? 0 : -ENOMEM;
}

char *container_unit_name(const char *name, const char *id, bool distinct) {
        return distinct ? format_string("berth-%s-%.*s.scope", name, CONTAINER_ID_SHORT, id)
                        : string_join("berth-", name, ".scope");
}
