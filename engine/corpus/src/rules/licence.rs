//! Filters by licence.

use super::outcome::Reason;
use glasshouse_documents::settings;

settings! {
    Licence {
        keep_unknown: bool = false, 0 to 1, "Whether to keep texts without a stated licence.";
    }
    lists {
        allowed: Vec<String> = ALLOWED.split(' ').map(str::to_owned).collect(),
            "Licences to keep: SPDX names such as CC-BY-4.0, in any case; a final * matches every continuation.";
    }
}

/// Licences that allow everyone to train on a text, possibly with attribution.
const ALLOWED: &str = "CC0-1.0 CC-BY-* CC-BY-SA-* PDDL-1.0 public-domain MIT* Apache-2.0 BSD-* ISC Unlicense";

impl Licence {
    pub fn judge(&self, licence: Option<&str>) -> Result<(), Reason> {
        match licence.map(str::trim).filter(|licence| !licence.is_empty()) {
            Some(licence) if self.allowed.iter().any(|allowed| matches(allowed, licence)) => Ok(()),
            Some(licence) => {
                Err(Reason::new("allowed", format!("licence: {licence}, which is not in the list")))
            }
            None if self.keep_unknown => Ok(()),
            None => Err(Reason::new("keep_unknown", "no licence is stated")),
        }
    }
}

fn matches(allowed: &str, licence: &str) -> bool {
    match allowed.strip_suffix('*') {
        // `CC-BY-*` covers versions only: with more clauses, as in CC-BY-NC-4.0, it is another licence.
        Some(start) => licence.split_at_checked(start.len()).is_some_and(|(head, version)| {
            head.eq_ignore_ascii_case(start)
                && (!start.ends_with('-') || version.starts_with(|c: char| c.is_ascii_digit()))
        }),
        None => allowed.eq_ignore_ascii_case(licence),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn licences_in_the_list_stay() {
        let rule = Licence::default();
        for licence in ["cc0-1.0", "CC-BY-4.0", "CC-BY-SA-3.0", "MIT-0", " Apache-2.0", "BSD-3-Clause"] {
            assert_eq!(rule.judge(Some(licence)), Ok(()), "{licence}");
        }
        for licence in ["CC-BY-NC-4.0", "CC-BY-", "GPL-3.0-only", "Apache", "ISCX"] {
            assert!(rule.judge(Some(licence)).is_err(), "{licence}");
        }
    }

    #[test]
    fn the_unknown_goes_unless_kept() {
        let rule = Licence::default();
        assert!(rule.judge(None).is_err() && rule.judge(Some(" ")).is_err());
        assert_eq!(Licence { keep_unknown: true, ..rule }.judge(None), Ok(()));
    }
}
