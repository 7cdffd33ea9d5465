//! What fastText's model `lid.176` calls the languages of `whatlang`: mostly by ISO 639-1, where `whatlang` has ISO 639-3.

/// `whatlang`'s code and the model's label. Akan, Shona and Zulu are not among the model's 176.
const LABELS: &str = "\
    epo=eo eng=en rus=ru cmn=zh spa=es por=pt ita=it ben=bn fra=fr deu=de ukr=uk kat=ka ara=ar hin=hi \
    jpn=ja heb=he yid=yi pol=pl amh=am jav=jv kor=ko nob=no dan=da swe=sv fin=fi tur=tr nld=nl hun=hu \
    ces=cs ell=el bul=bg bel=be mar=mr kan=kn ron=ro slv=sl hrv=hr srp=sr mkd=mk lit=lt lav=lv est=et \
    tam=ta vie=vi urd=ur tha=th guj=gu uzb=uz pan=pa aze=az ind=id tel=te pes=fa mal=ml ori=or mya=my \
    nep=ne sin=si khm=km tuk=tk afr=af lat=la slk=sk cat=ca tgl=tl hye=hy cym=cy";

/// The model's label of a language; `None` where it does not know it.
pub(super) fn label(code: &str) -> Option<&'static str> {
    let mut pairs = LABELS.split(' ').filter_map(|pair| pair.split_once('='));
    pairs.find(|(own, _)| *own == code).map(|(_, label)| label)
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
