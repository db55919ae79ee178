//! What breaks off is begun again, and what fails leaves no tag.

use std::{fs, sync::Arc};

use countersign_host::{
    copy::{self, CopyError, Meter, Options, Reading},
    registry::RegistryError,
};
use loopback_registry::{Fault, Registry, What};

use serde_json::json;

use super::{bring, client, image, manifest, options, plain, reader, remote, start, text, writer};
use crate::{corpora::corpora, scratch::Scratch};

/// A layout that real tools wrote.
const LAYOUT: &str = "layouts/d-nested-jws";

/// What the registry holds after a copy to it that met these faults.
fn through(faults: Vec<Fault>) -> Option<(Result<copy::Summary, CopyError>, Registry)> {
    let corpora = corpora()?;
    let (client, registry) = (client(), start(true));
    faults.into_iter().for_each(|fault| registry.fault(fault));
    let copied = bring(&reader(&corpora.join(LAYOUT)), &remote(&client, &registry, "app"));
    Some((copied, registry))
}

#[test]
fn transfers_that_break_off_are_begun_again() {
    let uploads = "/v2/app/blobs/uploads/*";
    for (name, fault) in [
        ("reset", Fault::on("PUT", uploads, What::Reset).times(2)),
        ("lost", Fault::on("PUT", uploads, What::LoseReply).times(1)),
        ("busy", Fault::on("PUT", uploads, What::RetryAfter("0".into())).times(2)),
        ("begin busy", Fault::on("POST", uploads, What::RetryAfter("0".into())).times(2)),
        ("begin failing", Fault::on("POST", uploads, What::status(503)).times(2)),
        ("failing", Fault::on("PUT", uploads, What::status(500)).times(3)),
        ("session lost", Fault::on("PUT", uploads, What::status(416)).times(1)),
        (
            "manifests busy",
            Fault::on("PUT", "*/manifests/*", What::RetryAfter("0".into())).times(2),
        ),
        ("reset manifests", Fault::on("PUT", "*/manifests/*", What::Reset).times(1)),
    ] {
        let Some((copied, registry)) = through(vec![fault]) else { return };
        copied.unwrap_or_else(|e| panic!("{name}: {e}"));
        let whole = start(true);
        let Some(corpora) = corpora() else { return };
        bring(&reader(&corpora.join(LAYOUT)), &remote(&client(), &whole, "app")).unwrap();
        assert_eq!(registry.snapshot("app"), whole.snapshot("app"), "{name}");
    }
}

#[test]
fn what_is_refused_leaves_no_tag() {
    let manifest = "/v2/app/manifests/sha256:*";
    let none = |error: &RegistryError| matches!(error, RegistryError::Refused(_));
    let denied = |error: &RegistryError| matches!(error, RegistryError::Denied(_));
    let away = |error: &RegistryError| matches!(error, RegistryError::Transport(_));
    type Is = fn(&RegistryError) -> bool;
    let cases: [(&str, Fault, Is); 6] = [
        ("one manifest", Fault::on("PUT", manifest, What::status(400)).from(5), none),
        ("a tag", Fault::on("PUT", "/v2/app/manifests/1", What::status(400)), none),
        ("uploads", Fault::on("POST", "/v2/app/blobs/*", What::status(403)), denied),
        ("all uploads", Fault::on("PUT", "/v2/app/blobs/*", What::Reset), away),
        ("too large", Fault::on("PUT", "/v2/app/blobs/*", What::status(413)), none),
        (
            "busy for ever",
            Fault::on("POST", "/v2/app/blobs/*", What::RetryAfter("9999".into())),
            away,
        ),
    ];
    for (name, fault, is) in cases {
        let Some((copied, registry)) = through(vec![fault]) else { return };
        let error = copied.unwrap_err();
        let CopyError::Destination { error, .. } = &error else { panic!("{name}: {error}") };
        assert!(is(error), "{name}: {error}");
        assert!(!registry.snapshot("app").tags.contains_key("1"), "{name}");
    }
}

#[test]
fn a_registry_that_loses_what_it_took_is_found_out() {
    let gone = Fault::on("HEAD", "/v2/app/manifests/*", What::status(404));
    let Some((copied, registry)) = through(vec![gone]) else { return };
    assert!(matches!(copied, Err(CopyError::NotThere { .. })), "{copied:?}");
    assert!(!registry.snapshot("app").tags.contains_key("1"));
}

/// Copies from a registry that does wrong.
fn from(fault: Fault) -> (Result<copy::Summary, CopyError>, Registry, Arc<Meter>) {
    let scratch = Scratch::new();
    image(&scratch, "image");
    let (client, source, destination) = (client(), start(true), start(true));
    source.load(scratch.path(), "app").unwrap();
    source.fault(fault);
    let options = options("1");
    let (from, to) = (remote(&client, &source, "app"), remote(&client, &destination, "app"));
    let copied = copy::copy(&from, &to, &options);
    (copied, destination, options.meter)
}

#[test]
fn a_source_that_breaks_off_is_asked_again_and_what_it_counted_is_taken_back() {
    let blobs = "/v2/app/blobs/*";
    for fault in [
        Fault::on("GET", blobs, What::CutBody(3)).times(2),
        Fault::on("GET", blobs, What::Reset).times(1),
        Fault::on("GET", blobs, What::WrongBytes).times(1),
        Fault::on("GET", blobs, What::RetryAfter("0".into())).times(1),
    ] {
        let words = format!("{fault:?}");
        let (copied, _, meter) = from(fault);
        let summary = copied.unwrap_or_else(|e| panic!("{words}: {e}"));
        let Reading { blobs, done, bytes, moved } = meter.read();
        assert_eq!((blobs, done, bytes, moved), (2, 2, summary.bytes, summary.bytes), "{words}");
    }
}

#[test]
fn what_the_source_lies_about_is_never_stored() {
    for what in [What::WrongBytes, What::WrongLength(1), What::WrongLength(-1)] {
        let words = format!("{what:?}");
        let (copied, destination, _) = from(Fault::on("GET", "/v2/app/blobs/*", what));
        assert!(copied.is_err(), "{words}");
        let snapshot = destination.snapshot("app");
        assert!(snapshot.manifests.is_empty() && snapshot.tags.is_empty(), "{words}");
    }
    let (copied, destination, _) =
        from(Fault::on("GET", "/v2/app/manifests/sha256-*", What::status(500)));
    let error = copied.unwrap_err();
    let is = matches!(&error, CopyError::Source { error: RegistryError::Transport(_), .. });
    assert!(is, "whether there are signatures cannot be said: {error}");
    assert!(destination.log().is_empty());
}

#[test]
fn a_manifest_that_was_cut_short_at_the_destination_is_written_again() {
    let (source, to) = (Scratch::new(), Scratch::new());
    let subject = image(&source, "a");
    let referrer = manifest(&source, "r", Some(&plain(&subject)));
    let referrer = source.manifest(&referrer, json!({}));
    source.index(&[subject, referrer.clone()]);
    let layout = to.path().join("layout");
    bring(&reader(source.path()), &writer(&layout)).unwrap();
    let name = format!("blobs/sha256/{}", &text(&referrer["digest"])[7..]);
    for cut in ["", "{"] {
        fs::write(layout.join(&name), cut).unwrap();
        bring(&reader(source.path()), &writer(&layout)).unwrap();
        assert_eq!(
            fs::read(layout.join(&name)).unwrap(),
            fs::read(source.path().join(&name)).unwrap()
        );
    }
}

#[test]
fn absent_denied_and_unavailable_are_told_apart() {
    let kind = |status: u16| {
        let fault = Fault::on("GET", "/v2/app/manifests/1", What::status(status));
        from(fault).0.unwrap_err()
    };
    assert!(kind(404).is_absent());
    assert!(!kind(403).is_absent() && !kind(500).is_absent());
    assert!(matches!(kind(403).cause(), Some(RegistryError::Denied(_))));
    assert!(matches!(kind(500).cause(), Some(RegistryError::Transport(_))));
}

#[test]
fn many_copies_at_once_end() {
    let Some(corpora) = corpora() else { return };
    let (client, registry) = (client(), start(true));
    bring(&reader(&corpora.join(LAYOUT)), &remote(&client, &registry, "from")).unwrap();
    // From one host to itself: who reads waits for who writes.
    std::thread::scope(|scope| {
        for i in 0..6 {
            let (client, registry) = (&client, &registry);
            scope.spawn(move || {
                let refuse = format!("/v2/to{i}/blobs/uploads/?mount=*");
                registry.fault(Fault::on("POST", &refuse, What::status(405)));
                let options = Options { ..options("1") };
                let (from, to) =
                    (remote(client, registry, "from"), remote(client, registry, &format!("to{i}")));
                copy::copy(&from, &to, &options).unwrap();
            });
        }
    });
    for i in 0..6 {
        assert_eq!(registry.snapshot(&format!("to{i}")), registry.snapshot("from"));
    }
}
