namespace RemoteWriteGateway.Protocol.PromQL;

/// <summary>Type of an expression's value.</summary>
public enum PromQLType : byte
{
    None,
    Scalar,
    String,

    /// <summary>Instant vector.</summary>
    Vector,

    /// <summary>Range vector.</summary>
    Matrix,
}

internal static class PromQLTypes
{
    /// <summary>The type with its article, as it stands in an error.</summary>
    public static string WithArticle(this PromQLType type) => type switch
    {
        PromQLType.Scalar => "a scalar",
        PromQLType.String => "a string",
        PromQLType.Vector => "an instant vector",
        PromQLType.Matrix => "a range vector",
        _ => "nothing",
    };
}
