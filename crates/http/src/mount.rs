use actix_web::dev::ServiceRequest;

/// The path of a request below the place where the routes are mounted, as the request spells it. `None`
/// where the request spells the place itself in another way: no such path is ours.
pub(crate) fn path_in(req: &ServiceRequest) -> Option<&str> {
    let matched = req.match_info();
    let place = matched.as_str().strip_suffix(matched.unprocessed())?;
    req.path().strip_prefix(place)
}
