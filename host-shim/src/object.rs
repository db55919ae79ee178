//! A Kubernetes object in a file, as an admission front would be asked about it.

use countersign::{
    admission::{self, Admission, Kinds},
    policy::Policy,
    wire::{PolicyError, Request},
};
use serde_json::{Map, Value, json};

/// What an admission front would be asked about an object: its own `AdmissionRequest`, where the
/// file is an `AdmissionReview`, else that of its creation. `namespace` is said beside it.
pub fn admission_request(object: &Value, namespace: Option<&str>) -> Value {
    let review = object["kind"] == "AdmissionReview" && object["request"].is_object();
    let mut request = if review { object["request"].clone() } else { created(object) };
    if let (Some(namespace), Some(members)) = (namespace, request.as_object_mut()) {
        members.insert("namespace".to_owned(), namespace.into());
    }
    request
}

fn created(object: &Value) -> Value {
    let mut request = Map::new();
    let version = object["apiVersion"].as_str().unwrap_or_default();
    let (group, version) = version.split_once('/').unwrap_or(("", version));
    let kind = object["kind"].as_str();
    if let Some(kind) = kind {
        let kind = json!({ "group": group, "version": version, "kind": kind });
        request.insert("kind".to_owned(), kind);
    }
    for field in ["name", "namespace"] {
        if let Some(text) = object["metadata"][field].as_str() {
            request.insert(field.to_owned(), text.into());
        }
    }
    request.insert("operation".to_owned(), "CREATE".into());
    request.insert("object".to_owned(), object.clone());
    Value::Object(request)
}

/// What is asked about the images of an object, or what is wrong with it. A policy that is none is
/// left to the module to refuse.
pub fn admit(request: &Value, policy: &Value) -> Result<Admission, Vec<PolicyError>> {
    let kinds = Policy::parse(policy).map_or_else(|_| Kinds::default(), |policy| policy.kinds);
    admission::read(request, &kinds, false)
}

/// What rules and conditions see of an object, for images that are named beside it.
pub fn context(request: &Value) -> Request {
    let text = |pointer: &str| request.pointer(pointer)?.as_str().map(str::to_owned);
    let given = |name: &str| request.get(name).filter(|v| v.is_object()).cloned();
    Request {
        group: text("/kind/group"),
        kind: text("/kind/kind"),
        name: text("/name"),
        namespace: text("/namespace"),
        operation: text("/operation"),
        object: given("object"),
        old_object: given("oldObject"),
        user_info: given("userInfo"),
        ..Request::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployment() -> Value {
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": { "name": "web", "namespace": "shop" },
            "spec": { "template": { "spec": { "containers": [
                { "name": "a", "image": "ghcr.io/acme/app:1" } ] } } },
        })
    }

    #[test]
    fn the_images_of_an_object_are_asked_about_where_it_stands() {
        let request = admission_request(&deployment(), None);
        let Ok(Admission::Judge(asked)) = admit(&request, &Value::Null) else { panic!() };
        assert_eq!(asked.images.len(), 1);
        assert_eq!(asked.images[0].reference, "ghcr.io/acme/app:1");
        assert_eq!(
            (asked.kind.as_deref(), asked.group.as_deref()),
            (Some("Deployment"), Some("apps"))
        );
        assert_eq!(
            (asked.name.as_deref(), asked.namespace.as_deref()),
            (Some("web"), Some("shop"))
        );
        assert_eq!(context(&request).object, asked.object);
    }

    #[test]
    fn a_review_speaks_for_itself_and_the_command_line_for_the_namespace() {
        let review = json!({
            "kind": "AdmissionReview",
            "request": { "operation": "DELETE", "namespace": "a", "object": null },
        });
        let request = admission_request(&review, Some("b"));
        assert_eq!(request["namespace"], "b");
        assert_eq!(admit(&request, &Value::Null), Ok(Admission::Pass));
        let unknown = admission_request(&json!({ "kind": "Gadget" }), None);
        assert_eq!(admit(&unknown, &Value::Null).unwrap_err()[0].code, "kind.unknown");
    }
}
