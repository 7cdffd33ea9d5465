//! Personal data by class, and documents that say the same.

use super::super::{Cluster, ClusterSize, Duplicates, Report, number};
use super::{Page, escape, stages};

/// Columns that the histogram of group sizes has at most; the last one holds all larger groups.
const COLUMNS: usize = 12;

/// Groups that go to paper; the others can be looked at on the screen.
const PRINTED: usize = 3;

/// Personal data by class.
pub(super) fn personal(page: &mut Page, report: &Report) {
    if report.personal.is_empty() {
        return;
    }
    page.raw(
        "<section id=\"personal\"><h2>Personal data</h2><p class=\"lead\">What was found never reached the output. The samples below are masked.</p>\
<div class=\"card scroll\"><table class=\"grid\"><thead><tr><th class=\"words\">Class</th><th class=\"words\">What was done</th><th>Found</th>\
<th>Documents</th></tr></thead><tbody>",
    );
    for class in &report.personal {
        page.put(format_args!(
            "<tr><td class=\"words\">{}</td><td class=\"words\">{}</td><td>{}</td><td>{}</td></tr>",
            escape(&class.class.replace('_', " ")),
            escape(&class.treatment),
            number::whole(class.found),
            number::whole(class.documents),
        ));
    }
    page.raw("</tbody></table></div>");
    for class in report.personal.iter().filter(|class| !class.samples.is_empty()) {
        page.put(format_args!(
            "<details><summary>Masked samples: {}</summary><div class=\"text\">",
            escape(&class.class.replace('_', " "))
        ));
        for sample in &class.samples {
            page.put(format_args!(
                "<p class=\"sample\"><bdi class=\"mono\">{}</bdi><bdi>{}</bdi></p>",
                escape(&sample.id),
                escape(&sample.masked)
            ));
        }
        page.raw("</div></details>");
    }
    page.raw("</section>\n");
}

/// Groups of copies, by how they were found.
pub(super) fn duplicates(page: &mut Page, report: &Report) {
    if report.duplicates.is_empty() {
        return;
    }
    page.raw(
        "<section id=\"duplicates\"><h2>Copies</h2><p class=\"lead\">Of each group one document was kept. Here is how large the groups are, and \
the largest of them.</p>",
    );
    for found in &report.duplicates {
        group(page, found);
    }
    page.raw("</section>\n");
}

fn group(page: &mut Page, found: &Duplicates) {
    page.put(format_args!(
        "<div class=\"card\"><h4>{}</h4><p class=\"note\">{}</p>",
        escape(&found.title),
        escape(&found.method)
    ));
    if found.clusters == 0 {
        page.raw("<p>None were found.</p></div>");
        return;
    }
    page.put(format_args!(
        "<div class=\"effect\"><div><b>{}</b> <span>{}</span></div><div><b>{}</b> <span>documents in them</span></div>",
        number::whole(found.clusters),
        if found.clusters == 1 { "group" } else { "groups" },
        number::whole(found.documents),
    ));
    if let Some(bytes) = found.bytes_a_document {
        page.put(format_args!(
            "<div><b>{}</b> <span>of memory a document</span></div>",
            number::bytes(bytes)
        ));
    }
    page.raw("</div>");
    histogram(page, &found.sizes);
    for (place, cluster) in found.largest.iter().enumerate() {
        members(page, cluster, place);
    }
    page.raw("</div>");
}

/// How many groups are how large; on a logarithmic scale, since there are many small ones and few large ones.
fn histogram(page: &mut Page, sizes: &[ClusterSize]) {
    let mut columns: Vec<(String, u64)> =
        sizes.iter().take(COLUMNS - 1).map(|size| (number::whole(size.size), size.clusters)).collect();
    let rest = sizes.get(COLUMNS - 1..).unwrap_or_default();
    if let Some(first) = rest.first() {
        let label = if rest.len() == 1 {
            number::whole(first.size)
        } else {
            format!("{}+", number::whole(first.size))
        };
        columns.push((label, rest.iter().map(|size| size.clusters).sum()));
    }
    if columns.len() < 2 {
        return;
    }
    let height = |clusters: u64| (clusters as f64 + 1.0).ln();
    let top = columns.iter().map(|(_, clusters)| height(*clusters)).fold(f64::MIN_POSITIVE, f64::max);
    page.raw("<div class=\"columns\" role=\"img\" aria-label=\"How many groups are how large\">");
    for (label, clusters) in &columns {
        let tall = 84.0 * height(*clusters) / top;
        page.put(format_args!(
            "<div><b>{}</b><svg viewBox=\"0 0 10 84\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><rect class=\"fill-duplicates\" x=\"0\" y=\"{:.1}\" \
width=\"10\" height=\"{tall:.1}\"/></svg>{label}</div>",
            number::count(*clusters),
            84.0 - tall,
        ));
    }
    page.raw(
        "</div><p class=\"note\">Groups by how many documents are in them; heights are logarithmic.</p>",
    );
}

/// A group with the kept document in full, and the others by what they have otherwise.
fn members(page: &mut Page, cluster: &Cluster, place: usize) {
    page.put(format_args!(
        "<details{}{}><summary>{}{}</summary>",
        if place == 0 { " open" } else { "" },
        if place < PRINTED { "" } else { " class=\"later\"" },
        number::of(cluster.size, "document", "documents"),
        if cluster.reason.is_empty() {
            String::new()
        } else {
            format!("; kept: {}", escape(&cluster.reason))
        },
    ));
    let kept = cluster.members.iter().find(|member| member.kept).map(|member| member.excerpt.as_str());
    for member in &cluster.members {
        let likeness = member
            .similarity
            .filter(|_| !member.kept)
            .map(|share| format!(" · {} alike, {}", number::share(share), escape(&member.found_by)));
        page.put(format_args!(
            "<div class=\"text\"><div class=\"text-head\"><bdi>{}</bdi><span>{} · {}{}</span>{}</div>",
            escape(&member.id),
            escape(&member.source),
            number::of(member.words, "word", "words"),
            likeness.unwrap_or_default(),
            if member.kept { "<span class=\"tag\">kept</span>" } else { "" },
        ));
        match kept {
            Some(kept) if member.excerpt == kept && !member.kept => {}
            Some(kept) => stages::changed(page, kept, &member.excerpt),
            None => stages::changed(page, &member.excerpt, &member.excerpt),
        }
        page.raw("</div>");
    }
    let rest = cluster.size.saturating_sub(cluster.members.len() as u64);
    if rest > 0 && !cluster.members.is_empty() {
        page.put(format_args!("<p class=\"note\">And {} more.</p>", number::whole(rest)));
    }
    page.raw("</details>");
}
