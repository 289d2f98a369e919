namespace RemoteWriteGateway.Protocol.Tests.PromQL;

internal sealed partial class QueryGenerator
{
    private void Modifiers()
    {
        bool isOffset = random.Next(4) == 0;
        if (isOffset)
        {
            Add(Cased("offset"));
            Duration(positive: false);
        }

        if (random.Next(5) == 0)
        {
            Add("@");
            if (random.Next(2) == 0)
            {
                Add(Cased(Pick("start", "end")), "(", ")");
            }
            else
            {
                Add(Pick("-", "", ""));
                Add(Pick("1609746000", "0x10", "1.5", "5m"));
            }
        }
    }

    private void Duration(bool positive)
    {
        if (!positive && random.Next(3) == 0)
        {
            Add(Pick("-", "+"));
        }

        if (random.Next(6) != 0)
        {
            Add(Pick("5m", "1h30m", "1y2w3d4h5m6s7ms", "300", "0x10", "017", "1_0", "90s", "1.5"));
        }
        else
        {
            // Always in parentheses, since an offset takes no more without them.
            Add("(");
            DurationExpression(0);
            Add(")");
        }
    }

    private void DurationExpression(int depth)
    {
        // The first bracket with a colon needs a literal somewhere, so each expression begins with one.
        Add(Pick("5m", "300", "1h"));
        for (int i = random.Next(3); i > 0; i--)
        {
            Add(Pick("+", "-", "*", "/", "%", "^"));
            if (depth < 2 && random.Next(3) == 0)
            {
                Add(Pick("-", ""), "(");
                DurationExpression(depth + 1);
                Add(")");
            }
            else if (withNewest && random.Next(3) == 0)
            {
                Add(Cased(Pick("step", "range")), "(", ")");
            }
            else if (withNewest && depth < 2 && random.Next(4) == 0)
            {
                Add(Cased(Pick("min_of", "max_of")), "(");
                DurationExpression(depth + 1);
                Add(",");
                DurationExpression(depth + 1);
                Add(")");
            }
            else
            {
                Add(Pick("2", "1m", "0x2", "3s"));
            }
        }
    }
}
