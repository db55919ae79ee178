use countersign_host::registry::{Mirrors, Options, Registry as Client};
use loopback_registry::{Fault, Options as Kind, What};

use super::{Ask, World, ask, options, outcome};

/// The registry behind one mirror.
fn behind(world: &World, mirror: &World) -> Client {
    let text = format!(
        "[[registry]]\nlocation = \"{}\"\n[[registry.mirror]]\nlocation = \"{}\"\n",
        world.registry.host, mirror.registry.host
    );
    let mirrors = Mirrors::parse(&text).unwrap();
    Client::with_credentials(
        &Options { mirrors, ..options() },
        std::sync::Arc::new(super::Known::default()),
    )
}

#[test]
fn a_mirror_that_has_it_is_enough() {
    let (world, mirror) = (World::new(Kind::default()), World::new(Kind::default()));
    let client = behind(&world, &mirror);
    for what in [Ask::Tag, Ask::Manifest, Ask::Blob, Ask::Referrers] {
        assert_eq!(outcome(&ask(&client, &world, what)), "found", "{what:?}");
    }
    assert_eq!(mirror.registry.log().len(), 4);
    assert!(world.registry.log().is_empty());
}

#[test]
fn whatever_is_wrong_with_a_mirror_the_registry_is_asked() {
    for fault in [
        What::status(404),
        What::status(403),
        What::status(401),
        What::status(500),
        What::Reset,
        What::WrongBytes,
        What::Flood(1 << 20),
        What::RedirectLoop,
    ] {
        let (world, mirror) = (World::new(Kind::default()), World::new(Kind::default()));
        mirror.registry.fault(Fault::new(fault.clone()));
        let answer = ask(&behind(&world, &mirror), &world, Ask::Manifest);
        assert_eq!(outcome(&answer), "found", "{fault:?}");
        assert_eq!(world.requests(), ["GET manifests/{image} 200"], "{fault:?}");
    }
}

#[test]
fn that_a_mirror_lists_no_referrers_proves_nothing() {
    let world = World::new(Kind::default());
    let mirror = World::new(Kind::default());
    let none = br#"{"schemaVersion":2,"manifests":[]}"#;
    mirror.registry.fault(Fault::on("GET", "*/referrers/*", What::Body(none.to_vec())));
    let answer = ask(&behind(&world, &mirror), &world, Ask::Referrers);
    assert_eq!(outcome(&answer), "found");
    assert_eq!(world.requests(), ["GET referrers/{image} 200"]);
}

#[test]
fn the_registry_s_own_answer_counts_where_no_mirror_has_it() {
    let world = World::new(Kind::default());
    let mirror = World::new(Kind::default());
    mirror.registry.fault(Fault::new(What::status(500)));
    world.registry.fault(Fault::new(What::status(404)));
    assert_eq!(outcome(&ask(&behind(&world, &mirror), &world, Ask::Tag)), "absent");
    world.registry.clear_faults();
    mirror.registry.clear_faults();
    mirror.registry.fault(Fault::new(What::status(404)));
    world.registry.fault(Fault::new(What::status(500)));
    assert_eq!(outcome(&ask(&behind(&world, &mirror), &world, Ask::Tag)), "transport");
}

#[test]
fn what_is_blocked_is_not_asked_at_all() {
    let world = World::new(Kind::default());
    let text = format!("[[registry]]\nlocation = \"{}\"\nblocked = true\n", world.registry.host);
    let mirrors = Mirrors::parse(&text).unwrap();
    let client = Client::with_credentials(
        &Options { mirrors, ..options() },
        std::sync::Arc::new(super::Known::default()),
    );
    assert_eq!(outcome(&ask(&client, &world, Ask::Tag)), "unsupported");
    assert!(world.registry.log().is_empty());
}
