//! What a person sees when the gateway is up: where it is, what is behind it, how to sign in, how to connect a client.

use crate::stack::{SignIn, Stack};

/// The text for the terminal.
#[must_use]
pub fn text(stack: &Stack) -> String {
    let settings = stack.settings();
    let url = settings.layout.issuer();
    let width = stack.servers().iter().map(|server| server.as_str().len()).max().unwrap_or_default();
    let servers: Vec<String> = stack
        .servers()
        .iter()
        .map(|name| format!("    {:width$}  {}\n", name.as_str(), settings.resource_of(name)))
        .collect();
    let connect =
        stack.servers().first().map(|name| connect(settings.resource_of(name).as_str(), name.as_str()));
    format!(
        "\n  The gateway is up at {url}\n\n  MCP servers\n{}\n  Sign in\n{}\n  Connect a client\n{}\n  Logs are in \
         {}. Ctrl-C stops everything.\n",
        servers.concat(),
        sign_in(stack.sign_in()),
        connect.unwrap_or_default(),
        settings.log_dir.display()
    )
}

fn connect(url: &str, name: &str) -> String {
    let entry = serde_json::json!({ "mcpServers": { name: { "type": "http", "url": url } } });
    format!(
        "    claude mcp add --transport http {name} {url}\n\n    or, in the client's configuration:\n    {entry}\n"
    )
}

fn sign_in(sign_in: &SignIn) -> String {
    match sign_in {
        SignIn::Created { username, password } => format!(
            "    user      {username}\n    password  {password}\n    (shown only now; `just passwd {username}` makes a \
             new one)\n"
        ),
        SignIn::Users(users) => format!(
            "    as {} with the password you have (`just passwd NAME` makes a new one)\n",
            users.join(", ")
        ),
    }
}
