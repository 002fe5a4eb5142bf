//! What providers call the tools that they run themselves, in one spelling.

/// The kind of a tool whose request calls it `stated`.
pub(super) fn canonical(stated: &str) -> Box<str> {
    let plain: String =
        stated.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    // Versions are dates at the end: `web_search_20250305`.
    let plain = plain.trim_end_matches(|c: char| c.is_ascii_digit());
    let known = match plain {
        "function" | "custom" | "toolspec" => "function",
        "websearch"
        | "websearchpreview"
        | "googlesearch"
        | "googlesearchretrieval"
        | "enterprisewebsearch"
        | "web"
        | "browsersearch"
        | "websearchoptions"
        | "searchparameters"
        | "enablesearch"
        | "connectorwebsearch"
        | "xsearch"
        | "websearchpremium" => "web_search",
        "webfetch" | "urlcontext" | "visitwebsite" => "web_fetch",
        "codeinterpreter" | "codeexecution" => "code_interpreter",
        "computeruse" | "computer" | "computerusepreview" => "computer_use",
        "bash" | "shell" | "localshell" => "shell",
        "texteditor" | "strreplacebasededittool" | "applypatch" => "text_editor",
        "filesearch" | "retrieval" | "documentlibrary" | "collectionssearch" => "file_search",
        "mcp" | "mcptoolset" | "mcpserver" | "mcpservers" => "mcp",
        "imagegeneration" => "image_generation",
        "googlemaps" => "maps",
        "memory" => "memory",
        _ => return stated.to_ascii_lowercase().into(),
    };
    known.into()
}

/// Whether a key of a tool describes it; any other key of a tool without type and name says what it is.
pub(super) fn describes(key: &str) -> bool {
    const WORDS: [&str; 17] = [
        "name",
        "description",
        "type",
        "parameters",
        "input_schema",
        "inputSchema",
        "parameter_definitions",
        "cache_control",
        "cachePoint",
        "strict",
        "function",
        "custom",
        "toolSpec",
        "functionDeclarations",
        "function_declarations",
        "id",
        "options",
    ];
    WORDS.contains(&key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_kind_has_one_name_whoever_offers_it() {
        for (stated, kind) in [
            ("web_search_20250305", "web_search"),
            ("web_search_preview_2025_03_11", "web_search"),
            ("googleSearchRetrieval", "web_search"),
            ("code_execution_20250522", "code_interpreter"),
            ("computer-use-preview", "computer_use"),
            ("computer_20250124", "computer_use"),
            ("Some_New_Tool", "some_new_tool"),
        ] {
            assert_eq!(&*canonical(stated), kind, "{stated}");
        }
    }
}
