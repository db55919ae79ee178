//! What of a request a policy looks at, beside the images and blobs themselves.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Request;

/// One part of a [`Request`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RequestField {
    /// `group`.
    Group,
    /// `kind`.
    Kind,
    /// `name`.
    Name,
    /// `namespace`.
    Namespace,
    /// `namespaceLabels`.
    NamespaceLabels,
    /// `object`, all of it.
    Object,
    /// `object.metadata.labels`.
    ObjectLabels,
    /// `oldObject`.
    OldObject,
    /// `operation`.
    Operation,
    /// `userInfo`.
    UserInfo,
}

impl RequestField {
    /// Every one.
    pub const ALL: [Self; 10] = [
        Self::Group,
        Self::Kind,
        Self::Name,
        Self::Namespace,
        Self::NamespaceLabels,
        Self::Object,
        Self::ObjectLabels,
        Self::OldObject,
        Self::Operation,
        Self::UserInfo,
    ];

    /// That of this name in JSON; a part of `object` has none.
    pub fn of(name: &str) -> Option<Self> {
        Some(match name {
            "group" => Self::Group,
            "kind" => Self::Kind,
            "name" => Self::Name,
            "namespace" => Self::Namespace,
            "namespaceLabels" => Self::NamespaceLabels,
            "object" => Self::Object,
            "oldObject" => Self::OldObject,
            "operation" => Self::Operation,
            "userInfo" => Self::UserInfo,
            _ => return None,
        })
    }
}

impl Request {
    /// The same images and blobs, and of everything else only these parts. A policy that reads no
    /// more comes to the same decision.
    pub fn only(&self, fields: &[RequestField]) -> Self {
        let reads = |field| fields.contains(&field);
        let text = |value: &Option<String>, field| value.clone().filter(|_| reads(field));
        let json = |value: &Option<Value>, field| value.as_ref().filter(|_| reads(field)).cloned();
        let object = match &self.object {
            Some(object) if !reads(RequestField::Object) && reads(RequestField::ObjectLabels) => {
                let labels = object.pointer("/metadata/labels");
                Some(labels.map_or_else(
                    || json!({}),
                    |labels| json!({ "metadata": { "labels": labels } }),
                ))
            }
            object => json(object, RequestField::Object),
        };
        Self {
            images: self.images.clone(),
            blobs: self.blobs.clone(),
            can_patch: self.can_patch,
            group: text(&self.group, RequestField::Group),
            name: text(&self.name, RequestField::Name),
            operation: text(&self.operation, RequestField::Operation),
            object,
            old_object: json(&self.old_object, RequestField::OldObject),
            user_info: json(&self.user_info, RequestField::UserInfo),
            namespace_labels: json(&self.namespace_labels, RequestField::NamespaceLabels),
            namespace: text(&self.namespace, RequestField::Namespace),
            kind: text(&self.kind, RequestField::Kind),
        }
    }
}
