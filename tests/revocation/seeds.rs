//! Seeds of the fuzz targets `ocsp` and `crl`, and the certificates that they are about.

use std::{fs, path::Path};

use crate::{
    made::{
        DELTA_CRL_INDICATOR, Entry, FRESHEST_CRL, HOUR, ISSUING_DISTRIBUTION_POINT, NO_CHECK, NOW,
        World, points, with_ocsp,
    },
    sigstore::der,
};

#[test]
fn seeds_of_the_fuzz_targets_are_whole_answers() {
    let world = World::new();
    let leaf = with_ocsp(world.leaf_with_crls(&["http://c/1.crl"]), &["http://o/"]);
    let chain = world.chain(&leaf);
    let good = world.response();
    let revoked = world.response().saying(|answer| answer.revoked(NOW - HOUR, Some(1)));
    let unknown = world.response().saying(|answer| answer.unknown());
    let delegate = world.responder().with(NO_CHECK, false, der::null());
    let hold = world.crl_with(Entry::new(6)).entry(Entry::new(8).at(NOW - 1));
    let delta = world.crl().with(DELTA_CRL_INDICATOR, true, der::number(5));
    let fresh = world.crl().with(FRESHEST_CRL, false, points(&[&["http://c/delta.crl"]]));
    let scope = der::seq(&[der::implicit(1, &[0xff])]);
    let scoped = world.crl().with(ISSUING_DISTRIBUTION_POINT, true, scope);
    let mut sha256 = world.response();
    sha256.answers[0].sha256 = true;
    let mut refused = world.response();
    refused.status = 3;
    for (path, bytes) in [
        ("src/revocable.der", chain[0].der().to_vec()),
        ("src/revoker.der", chain[1].der().to_vec()),
        ("corpus/ocsp/good", good.make()),
        ("corpus/ocsp/revoked", revoked.make()),
        ("corpus/ocsp/unknown", unknown.make()),
        ("corpus/ocsp/delegate", world.response_by(&delegate).make()),
        ("corpus/ocsp/sha256", sha256.make()),
        ("corpus/ocsp/refused", refused.make()),
        ("corpus/crl/good", world.crl().make()),
        ("corpus/crl/revoked", world.crl_with(Entry::new(1)).make()),
        ("corpus/crl/hold", hold.make()),
        ("corpus/crl/delta", delta.make()),
        ("corpus/crl/fresh", fresh.make()),
        ("corpus/crl/scoped", scoped.make()),
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(path);
        if std::option_env!("WRITE_SEEDS").is_some() {
            fs::write(&path, &bytes).unwrap();
        }
        let known = fs::read(&path).unwrap_or_default();
        assert!(known == bytes, "{}: write it anew with WRITE_SEEDS=1", path.display());
    }
}
