//! Labels of `whatlang`'s languages in fastText's model `lid.176`: mostly ISO 639-1, while `whatlang` uses ISO 639-3.

use crate::fields;

/// The model's label of a language; `None` for those it does not know: Akan, Shona and Zulu.
pub(super) fn label(code: &str) -> Option<&'static str> {
    let known = !matches!(code, "aka" | "sna" | "zul");
    fields::languages().find(|(_, own)| known && *own == code).map(|(label, _)| label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_has_a_label_or_is_none_of_the_models() {
        for language in whatlang::Lang::all() {
            let code = language.code();
            assert_eq!(label(code).is_none(), ["aka", "sna", "zul"].contains(&code), "{code}");
        }
        assert_eq!((label("cmn"), label("pes"), label("cym")), (Some("zh"), Some("fa"), Some("cy")));
    }
}
