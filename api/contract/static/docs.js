// The page's address is the API's own plus "docs", so that the contract lies beside it, behind whatever prefix.
SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  displayRequestDuration: true,
  persistAuthorization: false, // a key that was typed in is gone with the page
  tryItOutEnabled: true,
  validatorUrl: null, // the contract goes to nobody
});
