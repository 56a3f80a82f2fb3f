use std::future::ready;

use actix_web::body::MessageBody;
use actix_web::dev::{
    AppService, HttpServiceFactory, ServiceFactory, ServiceRequest, ServiceResponse,
};
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderValue};
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{Error, FromRequest, Handler, HttpRequest, HttpResponse, Resource, Responder};

use super::Http;
use super::admin::proof::{Backend, Operator};
use super::cross_site::trusted_origin;
use super::error::{ApiError, ErrorCode};
use super::middleware::Middleware;
use super::operator::Operating;
use super::settings::HttpSettings;
use super::{
    accounts, admin, api_keys, audit, care, dashboard, export, leaks, openapi, operations,
    operator, scopes, usage, verify,
};

/// The routes as an application of their own. It answers a verification with less work than
/// [mounted](configure) routes do.
pub fn application(
    http: Data<Http>,
) -> actix_web::App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = Error,
        InitError = (),
    >,
> {
    let middleware = Middleware { http: Data::clone(&http), verifies: true };
    let routes = routes(&http.settings);
    actix_web::App::new().app_data(http).configure(routes).wrap(middleware)
}

/// Mounts the routes in an application or a scope of another service. There they take every path that
/// nothing before them took.
pub fn configure(http: Data<Http>) -> impl FnOnce(&mut ServiceConfig) {
    move |config| {
        let middleware = Middleware { http: Data::clone(&http), verifies: true };
        let routes = routes(&http.settings);
        config.service(web::scope("").app_data(http).configure(routes).wrap(middleware));
    }
}

/// `/metrics` alone, for a listener of its own.
pub fn metrics_application(
    http: Data<Http>,
) -> actix_web::App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = Error,
        InitError = (),
    >,
> {
    let routes = |config: &mut ServiceConfig| {
        config.service(metrics_resource().get(operations::metrics));
        otherwise_not_found(config);
    };
    let middleware = Middleware { http: Data::clone(&http), verifies: false };
    actix_web::App::new().app_data(http).configure(routes).wrap(middleware)
}

/// The calls with a management token alone, for a listener of their own.
pub fn admin_application(
    http: Data<Http>,
) -> actix_web::App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = Error,
        InitError = (),
    >,
> {
    let routes = |config: &mut ServiceConfig| {
        management(config);
        otherwise_not_found(config);
    };
    let middleware = Middleware { http: Data::clone(&http), verifies: false };
    actix_web::App::new().app_data(http).configure(routes).wrap(middleware)
}

fn routes(settings: &HttpSettings) -> impl FnOnce(&mut ServiceConfig) + use<> {
    let HttpSettings { metrics, admin, accounts: has_accounts, pages: has_pages, .. } = *settings;
    let has_reference = settings.reference;
    move |config| {
        api(config, has_accounts);
        if has_reference {
            description(config, has_pages);
        }
        if admin {
            management(config);
        }
        panel(config);
        if has_pages {
            pages(config, has_accounts);
        }
        if has_pages && has_accounts {
            operators(config);
        }
        if metrics {
            config.service(metrics_resource().get(operations::local_metrics));
        }
        otherwise_not_found(config);
    }
}

fn metrics_resource() -> Methods {
    resource("/metrics", "GET, HEAD")
}

fn otherwise_not_found(config: &mut ServiceConfig) {
    config.default_service(web::to(async || -> Result<HttpResponse, ApiError> {
        Err(ApiError::not_found())
    }));
}

fn api(config: &mut ServiceConfig, has_accounts: bool) {
    let v1 = |path: &str| format!("/api/v1/{path}");
    // Routes are tried in turn, fixed ones as text and the others by regular expressions: so the hot
    // one comes first, and the paths below it last.
    config.service(web::resource(v1("verify")).to(verify::verify));
    if has_accounts {
        own_accounts(config);
    }
    config
        .service(resource(&v1("auth/sign-out"), "POST").post(accounts::sign_out))
        .service(resource(&v1("auth/session"), "GET, HEAD").get(accounts::session))
        .service(
            resource(&v1("api-keys"), "GET, HEAD, POST").get(api_keys::list).post(api_keys::create),
        )
        .service(
            resource(&v1("api-keys/{id}"), "GET, HEAD, PATCH, DELETE")
                .get(api_keys::get)
                .patch(api_keys::change)
                .delete(api_keys::revoke),
        )
        .service(resource(&v1("api-keys/{id}/rotate"), "POST").post(api_keys::rotate))
        .service(resource(&v1("api-keys/{id}/credits"), "POST").post(api_keys::add_credits))
        .service(resource(&v1("api-keys/{id}/usage"), "GET, HEAD").get(usage::of_key))
        .service(resource(&v1("api-keys/{id}/refusals"), "GET, HEAD").get(usage::refusals))
        .service(resource(&v1("usage"), "GET, HEAD").get(usage::of_owner))
        .service(resource(&v1("scopes"), "GET, HEAD").get(scopes::list))
        .service(resource(&v1("leaks"), "POST").post(leaks::report))
        .service(resource(&v1("audit-events"), "GET, HEAD").get(audit::list))
        .service(resource("/healthz", "GET, HEAD").get(operations::healthz))
        .service(resource("/readyz", "GET, HEAD").get(operations::readyz))
        .service(web::resource(v1("verify/{tail:.*}")).to(verify::verify_below));
}

/// The calls of accounts that are kept here.
fn own_accounts(config: &mut ServiceConfig) {
    let auth = |path: &str| format!("/api/v1/auth/{path}");
    config
        .service(resource(&auth("sign-up"), "POST").post(accounts::sign_up))
        .service(resource(&auth("sign-in"), "POST").post(accounts::sign_in))
        .service(resource(&auth("password"), "POST").post(accounts::change_password))
        .service(resource(&auth("email"), "POST").post(care::change_email))
        .service(resource(&auth("confirm"), "POST").post(care::confirm))
        .service(resource(&auth("account"), "DELETE").delete(care::delete_account))
        .service(resource(&auth("export"), "GET, HEAD").get(export::export))
        .service(resource(&auth("sessions"), "GET, HEAD").get(care::sessions))
        .service(resource(&auth("sessions/end-others"), "POST").post(care::end_other_sessions))
        .service(resource(&auth("sessions/{id}"), "DELETE").delete(care::end_session));
}

/// The calls with a management token.
fn management(config: &mut ServiceConfig) {
    let admin = |path: &str| format!("/api/v1/admin/{path}");
    config
        .service(
            not_for_pages(&admin("owners/{owner}/api-keys"), "GET, HEAD, POST")
                .get(admin::api_keys::list::<Backend>)
                .post(admin::api_keys::create::<Backend>),
        )
        .service(
            not_for_pages(&admin("owners/{owner}/api-keys/{id}"), "GET, HEAD, PATCH, DELETE")
                .get(admin::api_keys::get::<Backend>)
                .patch(admin::api_keys::change::<Backend>)
                .delete(admin::api_keys::revoke::<Backend>),
        )
        .service(
            not_for_pages(&admin("owners/{owner}/api-keys/{id}/rotate"), "POST")
                .post(admin::api_keys::rotate::<Backend>),
        )
        .service(
            not_for_pages(&admin("owners/{owner}/api-keys/{id}/credits"), "POST")
                .post(admin::api_keys::add_credits::<Backend>),
        )
        .service(
            not_for_pages(&admin("owners/{owner}/credits"), "POST")
                .post(admin::owners::add_credits::<Backend>),
        )
        .service(
            not_for_pages(&admin("owners/{owner}/api-keys/{id}/usage"), "GET, HEAD")
                .get(admin::usage::of_key::<Backend>),
        )
        .service(
            not_for_pages(&admin("owners/{owner}/api-keys/{id}/refusals"), "GET, HEAD")
                .get(admin::usage::refusals::<Backend>),
        )
        .service(
            not_for_pages(&admin("owners/{owner}/usage"), "GET, HEAD")
                .get(admin::usage::of_owner::<Backend>),
        )
        .service(not_for_pages(&admin("api-keys"), "GET, HEAD").get(admin::search::find::<Backend>))
        .service(
            not_for_pages(&admin("api-keys/revoke"), "POST").post(admin::search::revoke::<Backend>),
        )
        .service(
            not_for_pages(&admin("owners/{owner}"), "GET, HEAD, PUT")
                .get(admin::owners::get::<Backend>)
                .put(admin::owners::put::<Backend>),
        )
        .service(
            not_for_pages(&admin("audit-events"), "GET, HEAD").get(admin::events::list::<Backend>),
        )
        .service(not_for_pages(&admin("scopes"), "GET, HEAD").get(admin::scopes::list::<Backend>));
}

/// The pages of operators, and the calls that these pages make.
fn operators(config: &mut ServiceConfig) {
    let page = |path: &str| for_operators(path, "GET, HEAD");
    let api = |path: &str| format!("/operator/api/{path}");
    config
        .service(page("/operator").get(operator::pages::keys))
        .service(page("/operator/keys/{id}").get(operator::pages::key))
        .service(page("/operator/owners/{owner}").get(operator::pages::owner))
        .service(page("/operator/accounts").get(operator::pages::accounts))
        .service(page("/operator/tokens").get(operator::pages::tokens))
        .service(page("/operator/activity").get(operator::pages::activity))
        .service(page("/operator/system").get(operator::pages::system))
        .service(
            for_operators(&api("owners/{owner}/api-keys/{id}"), "GET, HEAD, PATCH, DELETE")
                .get(admin::api_keys::get::<Operator>)
                .patch(admin::api_keys::change::<Operator>)
                .delete(admin::api_keys::revoke::<Operator>),
        )
        .service(
            for_operators(&api("api-keys/revoke"), "POST").post(admin::search::revoke::<Operator>),
        )
        .service(
            for_operators(&api("owners/{owner}/api-keys/{id}/credits"), "POST")
                .post(admin::api_keys::add_credits::<Operator>),
        )
        .service(
            for_operators(&api("owners/{owner}/credits"), "POST")
                .post(admin::owners::add_credits::<Operator>),
        )
        .service(
            for_operators(&api("owners/{owner}/api-keys/{id}/usage"), "GET, HEAD")
                .get(admin::usage::of_key::<Operator>),
        )
        .service(
            for_operators(&api("owners/{owner}/api-keys/{id}/refusals"), "GET, HEAD")
                .get(admin::usage::refusals::<Operator>),
        )
        .service(
            for_operators(&api("owners/{owner}/usage"), "GET, HEAD")
                .get(admin::usage::of_owner::<Operator>),
        )
        .service(
            for_operators(&api("owners/{owner}"), "GET, HEAD, PUT")
                .get(admin::owners::get::<Operator>)
                .put(admin::owners::put::<Operator>),
        )
        .service(
            for_operators(&api("audit-events"), "GET, HEAD").get(admin::events::list::<Operator>),
        )
        .service(for_operators(&api("accounts/{id}"), "DELETE").delete(operator::accounts::delete))
        .service(
            for_operators(&api("accounts/{id}/disable"), "POST").post(operator::accounts::disable),
        )
        .service(
            for_operators(&api("accounts/{id}/enable"), "POST").post(operator::accounts::enable),
        )
        .service(for_operators(&api("tokens"), "POST").post(operator::tokens::create))
        .service(for_operators(&api("tokens/{id}"), "DELETE").delete(operator::tokens::revoke))
        .service(for_operators(&api("instances"), "GET, HEAD").get(operator::system::instances));
}

fn page(path: &str) -> Methods {
    resource(path, "GET, HEAD")
}

fn pages(config: &mut ServiceConfig, has_accounts: bool) {
    if has_accounts {
        config
            .service(page("/sign-in").get(dashboard::sign_in))
            .service(page("/sign-up").get(dashboard::sign_up));
    }
    config
        .service(page("/").get(dashboard::home))
        .service(page("/favicon.ico").get(dashboard::favicon))
        .service(page("/robots.txt").get(dashboard::robots))
        .service(page("/account").get(dashboard::account))
        .service(page("/account/profile").get(dashboard::profile))
        .service(page("/account/api-keys").get(dashboard::api_keys))
        .service(page("/account/usage").get(dashboard::usage))
        .service(page("/account/activity").get(dashboard::activity));
    #[cfg(debug_assertions)]
    config.service(page("/styleguide").get(dashboard::style_guide));
}

/// What the API is, for programs and for people.
fn description(config: &mut ServiceConfig, has_pages: bool) {
    config.service(resource("/openapi.json", "GET, HEAD").get(openapi::serve));
    if has_pages {
        config
            .service(page("/docs").get(dashboard::reference))
            .service(page("/llms.txt").get(dashboard::reference_as_text));
    }
}

/// The panel for other pages, and what both load.
fn panel(config: &mut ServiceConfig) {
    config
        .service(page("/embed/api-keys-panel.js").get(dashboard::embedded_panel))
        .service(page("/assets/{version}/{name}").get(dashboard::asset));
}

/// A resource that answers the methods it is given, trusted preflights, and 405 to the rest.
fn resource(path: &str, allow: &'static str) -> Methods {
    let other = move |req: HttpRequest, http: Data<Http>| ready(other_method(&req, &http, allow));
    Methods(web::resource(path).default_service(web::to(other)))
}

/// The same where no page of another origin may call: a preflight is a method like others.
fn not_for_pages(path: &str, allow: &'static str) -> Methods {
    let other = move || ready(Err::<HttpResponse, _>(method_not_allowed(allow)));
    Methods(web::resource(path).default_service(web::to(other)))
}

/// The same where there is nothing for others than operators, not even a method that is not allowed.
fn for_operators(path: &str, allow: &'static str) -> Methods {
    let other =
        move |_operating: Operating| ready(Err::<HttpResponse, _>(method_not_allowed(allow)));
    Methods(web::resource(path).default_service(web::to(other)))
}

struct Methods(Resource);

impl Methods {
    /// GET, and HEAD by the same handler: the framework leaves the body out.
    fn get<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        Self(self.0.route(web::get().to(handler.clone())).route(web::head().to(handler)))
    }

    fn post<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        Self(self.0.route(web::post().to(handler)))
    }

    fn put<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        Self(self.0.route(web::put().to(handler)))
    }

    fn patch<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        Self(self.0.route(web::patch().to(handler)))
    }

    fn delete<F, Args>(self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        Self(self.0.route(web::delete().to(handler)))
    }
}

impl HttpServiceFactory for Methods {
    fn register(self, config: &mut AppService) {
        self.0.register(config);
    }
}

fn other_method(
    req: &HttpRequest,
    http: &Http,
    allow: &'static str,
) -> Result<HttpResponse, ApiError> {
    let is_preflight = *req.method() == Method::OPTIONS
        && req.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    if is_preflight && trusted_origin(req.headers(), http).is_some() {
        let allowed = match http.services.foreign_sessions {
            Some(_) => "authorization, content-type, x-request-id, x-latchkey-account",
            None => "content-type, x-request-id, x-latchkey-account",
        };
        return Ok(HttpResponse::NoContent()
            .insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, allow))
            .insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, allowed))
            .insert_header((header::ACCESS_CONTROL_MAX_AGE, "600"))
            .finish());
    }
    Err(method_not_allowed(allow))
}

fn method_not_allowed(allow: &'static str) -> ApiError {
    let error = ApiError::new(ErrorCode::MethodNotAllowed, format!("Allowed here: {allow}"));
    error.with(header::ALLOW, HeaderValue::from_static(allow))
}
