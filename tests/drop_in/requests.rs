//! Which objects and updates are looked at.

use countersign::{
    admission::{self, Admission},
    policy::Policy,
};
use serde_json::{Value, json};

use crate::{sigstore::keys::Key, world::one};

fn asked(request: &Value) -> Result<usize, String> {
    let settings = one(json!({ "pubKeys": [Key::p256("a").public_pem()] }));
    let policy = Policy::parse(&settings).unwrap();
    match admission::read(request, &policy.kinds, true) {
        Ok(Admission::Judge(request)) => Ok(request.images.len()),
        Ok(Admission::Pass) => Ok(0),
        Err(errors) => Err(errors[0].code.clone()),
    }
}

fn request(operation: &str, group: &str, kind: &str, object: &Value) -> Value {
    json!({
        "operation": operation, "kind": { "group": group, "version": "v1", "kind": kind },
        "object": object, "oldObject": object,
    })
}

fn pod() -> Value {
    json!({ "spec": {
        "containers": [{ "name": "a", "image": "a:1" }],
        "initContainers": [{ "name": "b", "image": "b:1" }],
        "ephemeralContainers": [{ "name": "c", "image": "c:1" }],
    } })
}

#[test]
fn every_kind_of_the_old_policy_is_looked_at_also_where_nothing_of_the_images_changed() {
    let template = json!({ "spec": { "template": pod() } });
    let cron = json!({ "spec": { "jobTemplate": template } });
    for (group, kind, object) in [
        ("", "Pod", &pod()),
        ("", "ReplicationController", &template),
        ("apps", "DaemonSet", &template),
        ("apps", "Deployment", &template),
        ("apps", "ReplicaSet", &template),
        ("apps", "StatefulSet", &template),
        ("batch", "Job", &template),
        ("batch", "CronJob", &cron),
    ] {
        for operation in ["CREATE", "UPDATE"] {
            assert_eq!(
                asked(&request(operation, group, kind, object)),
                Ok(3),
                "{operation} {kind}"
            );
        }
        assert_eq!(asked(&request("DELETE", group, kind, object)), Ok(0));
    }
}

/// Differences: what the old policy accepts because it cannot read it, or does not look there.
#[test]
fn what_cannot_be_read_is_refused() {
    let widget = request("CREATE", "acme.test", "Widget", &json!({ "spec": { "image": "a:1" } }));
    assert_eq!(asked(&widget), Err("kind.unknown".to_owned()));
    for object in [json!({}), json!({ "spec": {} }), json!({ "spec": { "containers": "a:1" } })] {
        let request = request("CREATE", "", "Pod", &object);
        assert_eq!(asked(&request), Err("request.malformed".to_owned()), "{object}");
    }
    let mut with_volume = pod();
    with_volume["spec"]["volumes"] = json!([{ "name": "v", "image": { "reference": "v:1" } }]);
    assert_eq!(asked(&request("CREATE", "", "Pod", &with_volume)), Ok(4));
    let template = json!({ "template": pod() });
    assert_eq!(asked(&request("CREATE", "", "PodTemplate", &template)), Ok(3));
}
