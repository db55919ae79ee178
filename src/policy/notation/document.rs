//! Trust policy documents of the Notary Project, accepted as they are: `trustpolicy.json`, also named
//! `trustpolicy.oci.json`, and `trustpolicy.blob.json`, with the trust stores that stand in
//! directories beside them
//! ([trust store and trust policy](https://github.com/notaryproject/specifications/blob/d4b62b9/specs/trust-store-trust-policy.md)).
//!
//! Each statement becomes a rule with an authority of its own. Which statement an image falls under is
//! its own question, asked of [`TrustPolicy`]: exactly one, or none.

use std::{borrow::Cow, collections::BTreeMap};

use serde_json::{Map, Value};

use super::{
    PROFILES, REVOCATION, Revocation, StoreType,
    scope::{self, ScopeError},
    seconds,
    statement::{self, Context, NamedStores},
    store,
};
use crate::{
    json,
    policy::{
        Authority,
        reader::{Cursor, Object, Reader},
    },
    reference::Reference,
    verdict::Code,
    verify::notation::Profile,
};

/// Statements of one document; a registry of thousands of repositories has one for each team.
const MOST_STATEMENTS: usize = 1_000;

/// Scopes of one document.
const MOST_SCOPES: usize = 10_000;

/// Which statement is for which artifact. The numbers are positions in
/// [`Policy::rules`](crate::policy::Policy::rules).
#[derive(Clone, Debug, Default)]
pub struct TrustPolicy {
    profile: Profile,
    /// By repository: normalised in the profile `spec`, as written in `compat`.
    images: BTreeMap<String, usize>,
    every_image: Option<usize>,
    blobs: BTreeMap<String, usize>,
    every_blob: Option<usize>,
}

/// A statement as a rule.
pub(crate) struct Implied {
    pub(crate) name: String,
    pub(crate) authority: Authority,
}

impl TrustPolicy {
    /// The statement for an image, of which `text` is how it was asked for.
    ///
    /// spec: TP §Selecting a trust policy to verify a signed OCI artifact "*Exact match*: If there
    /// exists a trust policy whose scope contains the artifact's repository URI", "*Global*"
    ///
    /// In `compat` the registry is compared as it was written, as notation-go does; a name without
    /// one, which notation-go refuses, is completed in both.
    pub fn for_image(&self, text: &str, reference: &Reference) -> Option<usize> {
        let normal = reference.repository();
        let repository = match self.profile {
            Profile::Spec => &normal,
            Profile::Compat => repository(text).unwrap_or(&normal),
        };
        self.images.get(repository).copied().or(self.every_image)
    }

    /// The statement for a blob: the one of its name, or the global one.
    ///
    /// spec: TP §Selecting a trust policy to verify a signed blob
    pub fn for_blob(&self, name: &str) -> Option<usize> {
        self.blobs.get(name).copied().or(self.every_blob)
    }
}

/// The repository of a reference as written, where it is fully qualified.
fn repository(text: &str) -> Option<&str> {
    let path = text.rsplit_once('@').map_or(text, |(path, _)| path);
    let path = match path.rsplit_once(':') {
        Some((path, tag)) if !tag.contains('/') => path,
        _ => path,
    };
    let domain = path.split_once('/').map(|(domain, _)| domain)?;
    let qualified = domain.contains(['.', ':']) || domain == "localhost";
    scope::parse(path).ok().filter(|_| qualified)
}

/// Reads `spec.notationTrustPolicy`; the rules come after the `before` that are there.
pub(crate) fn read(
    r: &mut Reader,
    at: &Cursor<'_>,
    before: usize,
    warnings: &mut Vec<String>,
) -> Option<(TrustPolicy, Vec<Implied>)> {
    let fields =
        ["blobDocument", "document", "maxEvidenceAge", "profile", "stores", "tsaRevocation"];
    let object = r.object(at, &fields, &[])?;
    let profile = object.get("profile").and_then(|at| r.word(&at, &PROFILES)).unwrap_or_default();
    let tsa_revocation = object
        .get("tsaRevocation")
        .map_or(Some(Revocation::Enforce), |at| r.word(&at, &REVOCATION))?;
    let max_evidence_age = match object.get("maxEvidenceAge") {
        Some(at) => Some(seconds(r, &at)?),
        None => None,
    };
    let stores = object.get("stores").map(|at| stores(r, &at)).unwrap_or_default();
    let context = Context { stores: &stores, profile, tsa_revocation, max_evidence_age };
    let mut documents = Documents {
        policy: TrustPolicy { profile, ..TrustPolicy::default() },
        implied: Vec::new(),
        before,
    };
    let (images, blobs) = (object.get("document"), object.get("blobDocument"));
    if images.is_none() && blobs.is_none() {
        r.error(Code::PolicyMissingField, &object.path, "`document` or `blobDocument` is needed");
    }
    for (at, kind) in [(images, Kind::Images), (blobs, Kind::Blobs)] {
        if let Some(at) = at {
            documents.read(r, &at, kind, &context, warnings);
        }
    }
    Some((documents.policy, documents.implied))
}

/// `stores.<type>.<name>`: the certificates of a directory, as PEM.
fn stores(r: &mut Reader, at: &Cursor<'_>) -> NamedStores {
    let mut stores = NamedStores::new();
    let Some(object) = r.object(at, &StoreType::NAMES, &[]) else {
        return stores;
    };
    for kind in StoreType::ALL {
        let Some(at) = object.get(kind.name()) else {
            continue;
        };
        for (name, at) in r.map(&at) {
            if !statement::is_name(name) {
                r.error(
                    Code::PolicyInvalidValue,
                    &at.path,
                    format!("`{name}` is no name of a trust store"),
                );
            }
            let certificates = store(r, &at, kind);
            stores.insert((kind, name.to_owned()), certificates);
        }
    }
    stores
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Images,
    Blobs,
}

/// What was read so far.
struct Documents {
    policy: TrustPolicy,
    implied: Vec<Implied>,
    before: usize,
}

impl Documents {
    fn read(
        &mut self,
        r: &mut Reader,
        at: &Cursor<'_>,
        kind: Kind,
        context: &Context<'_>,
        warnings: &mut Vec<String>,
    ) {
        let Some(value) = value(r, at, context.profile) else {
            return;
        };
        let at = Cursor { value: &value, path: at.path.clone() };
        let Some(document) = r.object(&at, &["trustPolicies", "version"], &[]) else {
            return;
        };
        // spec: "This MUST be `1.0` at the moment."
        if let Some(at) = document.need(r, "version") {
            r.word(&at, &[("1.0", ())]);
        }
        let Some(at) = document.need(r, "trustPolicies") else {
            return;
        };
        let statements = r.list(&at);
        if statements.len() > MOST_STATEMENTS {
            r.error(
                Code::PolicyInvalidValue,
                &at.path,
                format!("more than {MOST_STATEMENTS} statements"),
            );
            return;
        }
        let mut names = Vec::new();
        for at in statements {
            self.statement(r, &at, kind, context, &mut names, warnings);
        }
    }

    fn statement<'a>(
        &mut self,
        r: &mut Reader,
        at: &Cursor<'a>,
        kind: Kind,
        context: &Context<'_>,
        names: &mut Vec<&'a str>,
        warnings: &mut Vec<String>,
    ) {
        // A member of the other kind of document is as unknown as any; notation-go ignores it.
        let other = match kind {
            Kind::Images => "globalPolicy",
            Kind::Blobs => "registryScopes",
        };
        let fields: Vec<&str> = statement::FIELDS
            .into_iter()
            .filter(|field| *field != other || context.profile == Profile::Compat)
            .collect();
        let Some(object) = r.object(at, &fields, &[]) else {
            return;
        };
        let Some(name_at) = object.need(r, "name") else {
            return;
        };
        let Some(name) = r.text(&name_at) else {
            return;
        };
        if names.contains(&name) {
            r.error(
                Code::PolicyInvalidValue,
                &name_at.path,
                format!("another statement has the name `{name}`"),
            );
            return;
        }
        names.push(name);
        let authority = statement::authority(r, &object, name, context, warnings);
        let is_skip = matches!(authority, Some(Authority::NotationSkip(_)));
        let position = self.before.saturating_add(self.implied.len());
        match kind {
            Kind::Images => self.scopes(r, &object, position, is_skip),
            Kind::Blobs => self.blob(r, &object, name, position, is_skip),
        }
        if let Some(authority) = authority {
            self.implied.push(Implied { name: name.to_owned(), authority });
        }
    }

    /// spec: TP §OCI Trust Policy Constraints "the scope collection MUST contain at least one value"
    fn scopes(&mut self, r: &mut Reader, object: &Object<'_>, position: usize, is_skip: bool) {
        let Some(at) = object.need(r, "registryScopes") else {
            return;
        };
        let scopes = r.texts(&at);
        if self.policy.images.len().saturating_add(scopes.len()) > MOST_SCOPES {
            r.error(Code::PolicyInvalidValue, &at.path, format!("more than {MOST_SCOPES} scopes"));
            return;
        }
        let many = scopes.len() > 1;
        for (text, item) in scopes {
            let refused = if text == "*" {
                self.global(many, is_skip).err().map(Cow::Borrowed)
            } else {
                self.scope(text, position).err()
            };
            match refused {
                Some(message) => r.error(Code::PolicyInvalidValue, &item.path, message),
                None if text == "*" => self.policy.every_image = Some(position),
                None => {}
            }
        }
    }

    /// spec: "A single value with one asterisk character `*`." "There can only be one trust policy that
    /// uses a global scope."
    fn global(&self, many: bool, is_skip: bool) -> Result<(), &'static str> {
        if many {
            return Err("`*` stands alone");
        }
        if self.policy.every_image.is_some() {
            return Err("another statement has the scope `*`");
        }
        // spec: TP §Signature Verification details "Note that `skip` cannot be used with a global scope
        // (`*`)."; notation-go's deviation D6.
        if is_skip && self.policy.profile == Profile::Spec {
            return Err("level `skip` cannot be used with the scope `*`");
        }
        Ok(())
    }

    fn scope(&mut self, text: &str, position: usize) -> Result<(), Cow<'static, str>> {
        let written = scope::parse(text).map_err(|error| match error {
            ScopeError::Wildcard => Cow::Borrowed("`*` stands alone, and is no part of a scope"),
            ScopeError::Repository => format!(
                "`{text}` is not a fully qualified repository, such as `registry.acme.io/app`, \
                 without scheme, tag and digest"
            )
            .into(),
        })?;
        let repository = match self.policy.profile {
            Profile::Spec => scope::normal(written)
                .ok_or_else(|| format!("no image has the fully qualified name `{text}`"))?,
            Profile::Compat => written.to_owned(),
        };
        // "For a given OCI artifact there MUST be only one applicable trust policy, except for trust
        // policy with a global scope."
        match self.policy.images.insert(repository, position) {
            None => Ok(()),
            Some(_) => Err(format!("the scope `{text}` is there already").into()),
        }
    }

    /// spec: TP §Blob Trust Policy Constraints
    fn blob(
        &mut self,
        r: &mut Reader,
        object: &Object<'_>,
        name: &str,
        position: usize,
        is_skip: bool,
    ) {
        self.policy.blobs.insert(name.to_owned(), position);
        let Some(at) = object.get("globalPolicy") else {
            return;
        };
        let refused = match at.value.as_bool() {
            None => return r.wrong_type(&at, "true or false"),
            Some(false) => return,
            Some(true) if self.policy.every_blob.is_some() => "another statement is global",
            Some(true) if is_skip => "level `skip` cannot be used with `globalPolicy`",
            Some(true) => {
                self.policy.every_blob = Some(position);
                return;
            }
        };
        r.error(Code::PolicyInvalidValue, &at.path, refused);
    }
}

/// The document: an object, or the text of the file.
///
/// In `compat` it is read as Go's decoder does: the first value of the text, names of members in any
/// case, unknown ones and nulls as if they were not there.
fn value<'a>(r: &mut Reader, at: &Cursor<'a>, profile: Profile) -> Option<Cow<'a, Value>> {
    let value = match (at.value, profile) {
        (Value::String(text), Profile::Spec) => {
            json::parse(text.as_bytes()).map_err(|error| error.to_string())
        }
        (Value::String(text), Profile::Compat) => {
            let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
            values.next().unwrap_or(Ok(Value::Null)).map_err(|error| error.to_string())
        }
        (value, Profile::Spec) => return Some(Cow::Borrowed(value)),
        (value, Profile::Compat) => Ok(value.clone()),
    };
    match value {
        Ok(value) if profile == Profile::Spec => Some(Cow::Owned(value)),
        Ok(value) => Some(Cow::Owned(leniently(value))),
        Err(error) => {
            r.error(Code::PolicyMalformed, &at.path, format!("not a JSON document: {error}"));
            None
        }
    }
}

fn leniently(document: Value) -> Value {
    let mut document = known(document, &["trustPolicies", "version"]);
    if let Some(Value::Array(statements)) = document.get_mut("trustPolicies") {
        for place in statements {
            let mut statement = known(place.take(), &statement::FIELDS);
            if let Some(verification) = statement.get_mut("signatureVerification") {
                *verification = known(verification.take(), &statement::VERIFICATION);
            }
            *place = statement;
        }
    }
    document
}

/// The members that have one of these names in any case, by these names.
fn known(value: Value, names: &[&str]) -> Value {
    let Value::Object(members) = value else {
        return value;
    };
    let mut kept = Map::new();
    for (name, value) in members {
        let found = names.iter().find(|known| known.eq_ignore_ascii_case(&name));
        if let Some(known) = found.filter(|_| !value.is_null())
            && (**known == name || !kept.contains_key(*known))
        {
            kept.insert((*known).to_owned(), value);
        }
    }
    Value::Object(kept)
}
